"""What a layer returned in one call, and what is known of it."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from weakref import ReferenceType

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.model.output_place import Dims, Place
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
    is_awaited: bool = False
    """Whether its gradient would be seen: it has a graph, and a hook there."""
    is_hidden: bool = False
    """Whether nothing will tell of its gradient, as the graph has too many nodes."""
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
    place: Place | None = None
    """Which part of it this process has, where others of the same samples have parts of it."""
    dims: Dims = ()
    """Along which dimensions it is divided between them, as ``Part.dims``."""

    def nonfinite(self) -> float:
        """How many entries are not finite; 0 where it could not be measured."""
        return float(self.forward.values()[NONFINITE]) if self.forward.is_measured else 0.0

    def gradient(self) -> float | None:
        """Norm of the gradient that came back; None where none did, or it could not be measured."""
        if self.backward is None or not self.backward.is_measured:
            return None
        return float(self.backward.values()[NORM])


Call = tuple[str, int]
"""Name of a layer and the number of its call within a round.

A round is all forwards that lead to one backward pass."""


@dataclass(slots=True)
class HeldOutput:
    """An output whose activation function is not known yet: held until the backward pass begins."""

    call: Call
    output: Output
    tensor: Tensor
    node: Node
    version: int
    units: int


@dataclass(slots=True)
class GraphlessOutput:
    """An output without a graph, held weakly: an activation module may be given it next."""

    call: Call
    output: Output
    tensor: ReferenceType[Tensor]
    version: int
    units: int


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
    if isinstance(output, Tensor):
        return output if output.is_floating_point() or output.is_complex() else None
    found = tensors_in(output, most=1)
    return found[0] if found else None


def tensors_in(output: object, most: int | None = None) -> list[Tensor]:
    """The floating-point and complex tensors in a module's output.

    Tuples, lists, dictionaries and dataclasses are searched, nested ones too; one that holds itself
    is searched once.

    Args:
        output: what the module returned.
        most: how many are looked for; None for all.
    """
    if isinstance(output, Tensor):  # as nearly always
        return [output] if _is_continuous(output) else []
    found: list[Tensor] = []
    waiting: list[Iterator[object]] = [iter((output,))]
    seen: set[int] = set()
    while waiting and len(found) != most:
        part = next(waiting[-1], waiting)
        if part is waiting:
            waiting.pop()
        elif isinstance(part, Tensor):
            if _is_continuous(part):
                found.append(part)
        elif id(part) not in seen and (inside := _parts(part)) is not None:
            seen.add(id(part))
            waiting.append(iter(inside))
    return found


def _is_continuous(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _parts(output: object) -> Iterable[object] | None:
    """What a container holds; None where it is none.

    No code of a user's class is run: it may compute what it gives.
    """
    if isinstance(output, dict):
        return dict.values(output)
    if isinstance(output, tuple):
        return tuple.__iter__(output)
    if isinstance(output, list):
        return list.__iter__(output)
    if isinstance(output, UserDict):
        return [_attribute(output, "data")]
    if is_dataclass(output) and not isinstance(output, type):
        return [_attribute(output, part.name) for part in fields(output)]
    return None


def _attribute(owner: object, name: str) -> object:
    try:
        own = object.__getattribute__(owner, "__dict__")
    except AttributeError:  # it has slots
        return object.__getattribute__(owner, name)
    return own.get(name)
