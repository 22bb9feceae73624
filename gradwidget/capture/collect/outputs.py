"""What a layer returned in one call, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from gradwidget.capture.stats.output_stats import NONFINITE, NORM
from gradwidget.capture.stats.readback import Fetch
from gradwidget.capture.stats.staging import Slot


@dataclass(slots=True)
class Output:
    """One output of one call of a layer, and the gradient that came back to it."""

    layer: str
    size: int
    forward: Slot
    """Its ``output_statistics``."""
    backward: Slot | None = None
    """The ``gradient_statistics`` of its gradient."""
    gradients: int = 0
    arrival: int = 0
    """In which order the gradients arrived."""
    data_nonfinite: Fetch | None = None
    """How many entries of the data that the layer was given are not finite; None where it was given
    no raw data."""
    round: int = 0
    """Number of the round in which the layer ran."""
    spread: Callable[[], float] | None = None
    """The ``batch_spread`` of what the layer was given; None where that is not measured."""
    doubt: str | None = None
    """Why its activation function is not known; None where the statistics are those after it."""

    def nonfinite(self) -> float:
        """How many entries are not finite; 0 where it could not be measured."""
        return float(self.forward.values()[NONFINITE]) if self.forward.is_measured else 0.0

    def gradient(self) -> float | None:
        """Norm of the gradient that came back; None where none did, or it could not be measured."""
        if self.backward is None or not self.backward.is_measured:
            return None
        return float(self.backward.values()[NORM])


def unit_dimension(module: nn.Module, tensor: Tensor) -> int:
    """The dimension of units, from the end.

    That of channels for convolutions and the layers that normalize them, else the last.
    """
    if isinstance(module, _ConvNd) and tensor.dim() > len(module.kernel_size):
        return -1 - len(module.kernel_size)
    if isinstance(module, (_NormBase, nn.GroupNorm)) and tensor.dim() > 2:
        return 1 - tensor.dim()
    return -1


def first_tensor(output: object) -> Tensor | None:
    """The first floating-point or complex tensor in a module's output."""
    return next(tensors_in(output), None)


def tensors_in(output: object) -> Iterator[Tensor]:
    """The floating-point and complex tensors in a module's output.

    Tuples, lists, mappings and dataclasses are searched, nested ones too.
    """
    if isinstance(output, Tensor):
        if output.is_floating_point() or output.is_complex():
            yield output
        return
    if isinstance(output, Mapping):
        parts: Any = output.values()
    elif isinstance(output, (tuple, list)):
        parts = output
    elif is_dataclass(output) and not isinstance(output, type):
        parts = [getattr(output, part.name) for part in fields(output)]
    else:
        return
    for part in parts:
        yield from tensors_in(part)
