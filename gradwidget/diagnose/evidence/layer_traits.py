"""What does not change about the layers during a run, computed once for all frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.evidence.paths import Paths
from gradwidget.frame import BoolArray, Layer, Wiring


class LayerTraits:
    """Properties of all layers as arrays.

    Args:
        layers: the layers, input first.

    Example:
        >>> norm = Layer("norm", "LayerNorm", {"weight": (8,)})
        >>> head = Layer("head", "Linear", {"weight": (2, 8)})
        >>> LayerTraits((norm, head)).matrices
        array([False,  True])
    """

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self.layers = layers
        shapes = [tuple(layer.shapes.values()) for layer in layers]
        self.trainable: BoolArray = np.array([layer.trainable for layer in layers], np.bool_)
        """Bool [layers]: whether the layer has a parameter that requires a gradient."""
        self.weighty: BoolArray = np.array(
            [any(len(shape) > 1 for shape in of) for of in shapes], np.bool_
        )
        """Bool [layers]: whether the layer has a weight of two or more dimensions."""
        self.matrices: BoolArray = self.weighty & ~np.array(
            ["Embedding" in layer.kind for layer in layers], np.bool_
        )
        """Bool [layers]: whether the layer has such a weight and uses every row of it.

        The rows of an embedding that a batch does not contain are not used.
        """
        self.natural_norm: NDArray[np.float64] = np.sqrt(
            np.array([sum(shape[0] for shape in of if len(shape) > 1) for of in shapes], np.float64)
        )
        """float64 [layers]: norm of matrices that preserve variance.

        Entries of variance 1/fan-in (arXiv 1502.01852).
        """
        self._wiring: Wiring | None = None
        self._paths = Paths([layer.name for layer in layers], {})

    def paths(self, wiring: Wiring | None) -> Paths:
        """Which layers lie on the way to which, as far as the wiring is known."""
        if wiring is not self._wiring:
            self._wiring = wiring
            feeds = {} if wiring is None else wiring.feeds
            self._paths = Paths([layer.name for layer in self.layers], feeds)
        return self._paths
