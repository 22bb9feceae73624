"""The part of a sharded tensor that this process holds, and whether it is the one that counts."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gradwidget.capture.torch_private import is_sharded

WHOLE = (Tensor, nn.Parameter)
SPREAD = {"DTensor", "DTensorSpec"}
"""What tells how something is spread: the tensor, and what is noted of it."""


def local_part(tensor: Tensor) -> Tensor:
    """What this process holds of a ``DTensor``, which may be nothing; any other tensor itself.

    Of a sum that is still spread over the processes no part means anything: it is given as it is,
    and so refused by whatever reads it.
    """
    if type(tensor) in WHOLE or not is_sharded(tensor) or is_partial(tensor):
        return tensor
    part: Tensor = _spread(tensor)._local_tensor  # noqa: SLF001  # `to_local` would be part of a graph
    return arrived(part)


def arrived(tensor: Tensor) -> Tensor:
    """The values of a tensor that may still be on its way from another process; any other itself.

    It is part of no graph.
    """
    # What is on its way comes in a class of its own.
    arrive = getattr(tensor, "trigger_wait", None)
    found: Tensor = tensor if arrive is None else arrive()
    return found


def is_whole(module: nn.Module) -> bool:
    """Whether each process holds all of the parameters that are a module's own."""
    # Written out, as it is asked of every layer; `parameters()` takes several times as long.
    for one in module._parameters.values():  # noqa: SLF001  # as above
        if one is not None and type(one) not in WHOLE:
            return False
    return True


def is_partial(tensor: Any) -> bool:  # noqa: ANN401  # importing the class would take long
    """Whether a ``DTensor``, or what tells how one is spread, is a sum of what processes hold."""
    return any(one.is_partial() for one in _spread(tensor).placements)


def is_spread(tensor: Tensor) -> bool:
    """Whether this process holds less than all of a ``DTensor``."""
    spread = _spread(tensor)
    sizes = spread.device_mesh.shape
    return any(
        size > 1 and not one.is_replicate()
        for size, one in zip(sizes, spread.placements, strict=True)
    )


def is_counted(tensor: Any) -> bool:  # noqa: ANN401  # as above
    """Whether the part of this process is to be counted: of several replicas the first is."""
    spread = _spread(tensor)
    place = spread.device_mesh.get_coordinate()
    return place is not None and not any(
        at and one.is_replicate() for at, one in zip(place, spread.placements, strict=True)
    )


def is_spread_alike(gradient: Tensor, parameter: Tensor) -> bool:
    """Whether a gradient is spread as its parameter is."""
    if type(gradient) in WHOLE or not is_sharded(gradient):
        return True
    if type(parameter) in WHOLE or not is_sharded(parameter):
        return False
    alike: bool = _spread(gradient).placements == _spread(parameter).placements
    return alike


def ranks_of(tensor: Any) -> frozenset[int]:  # noqa: ANN401  # as above
    """The ranks of all processes that hold a part of a ``DTensor``."""
    return frozenset(_spread(tensor).device_mesh.mesh.flatten().tolist())


def _spread(tensor: Any) -> Any:  # noqa: ANN401  # as above
    return tensor if type(tensor).__name__ in SPREAD else tensor.data
