"""What a process tells of one of its steps."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradwidget.capture.model.output_place import Place
from gradwidget.capture.processes.merged_outputs import OutputParts

SIZE = 8
"""Bytes that give the length of the numbers that follow."""


@dataclass(frozen=True, slots=True)
class RankMessage:
    """Numbers alone; it is written and read without running any code of another process.

    Example:
        >>> message = RankMessage(step=3, loss=0.5, parts=np.ones((2, 1)))
        >>> RankMessage.read(message.written()).loss
        0.5
    """

    step: int
    loss: float | None = None
    """The loss of this process; None where it had none."""

    seconds: float = math.nan
    """From the end of the backward pass before until this process first had to wait for others."""

    phase: str = ""
    """Where a value of its own was first not finite, as ``NonfiniteOrigin.phase``; empty where none
    was."""

    layer: str | None = None
    """The layer that had it."""

    nonfinite: dict[str, float] = field(default_factory=dict)
    """Entries of outputs that were not finite, by layer, where there were any."""

    weights: tuple[float, float] = (math.nan, math.nan)
    """Two sums over the norms of the weights that are whole in this process."""

    parts: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    """Statistics of its parts of sharded parameters, as ``merged_statistics.packed`` gives them."""

    outputs: OutputParts = field(default_factory=OutputParts)
    """Statistics of the outputs of layers, of its part of the batch."""

    def written(self) -> bytes:
        """As bytes."""
        apart = {"parts", "outputs"}
        told = {name: getattr(self, name) for name in self.__slots__ if name not in apart}
        figures = self.outputs.figures
        told |= {"shape": self.parts.shape, "figures": figures.shape}
        told |= {"layers": self.outputs.layers, "alive": self.outputs.alive}
        told["places"] = self.outputs.places
        words = json.dumps(told).encode()
        numbers = self.parts.tobytes() + figures.tobytes()
        return len(words).to_bytes(SIZE, "little") + words + numbers

    @classmethod
    def read(cls, data: bytes) -> RankMessage:
        """From bytes."""
        end = SIZE + int.from_bytes(data[:SIZE], "little")
        told: dict[str, Any] = json.loads(data[SIZE:end])
        shape, of_figures = told.pop("shape"), told.pop("figures")
        numbers = np.frombuffer(data[end:], np.float64)
        parts, figures = numbers[: prod(shape)], numbers[prod(shape) :]
        alive = {name: (units, bits) for name, (units, bits) in told.pop("alive").items()}
        places = {name: place and Place(*place) for name, place in told.pop("places").items()}
        outputs = OutputParts(told.pop("layers"), figures.reshape(of_figures), alive, places)
        told["weights"] = tuple(told["weights"])
        return cls(**told, parts=parts.reshape(shape), outputs=outputs)
