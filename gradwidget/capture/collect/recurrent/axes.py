"""Where the time and the batch of a recurrent layer go on the way from its output to the loss.

What an operation does to a dimension is read from its node in the graph. What is not known for
certain ends the way: nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch

from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import output_shape, saved_indices, signed

Axis = Literal["time", "batch", "other"]
"""What a recurrent layer takes a dimension of its output for."""
Dim = tuple[tuple[Axis, int], ...]
"""What one dimension of a tensor counts: several, the slowest first, once they are merged. Empty
for a length of 1."""
BY_INDEX, BY_ALL = "index", "all"
"""How the batch was given up: one entry of it was chosen, or all became one."""


@dataclass(frozen=True, slots=True)
class Axes:
    """The dimensions of a tensor."""

    dims: tuple[Dim, ...]
    given_up: str = ""
    """How the batch was, ``BY_INDEX`` or ``BY_ALL``; empty while there is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the tensor."""
        return tuple(prod(size for _, size in dim) for dim in self.dims)

    def has(self, axis: Axis, dim: int) -> bool:
        """Whether a dimension counts that, alone or among others."""
        return any(one == axis for one, _ in self.dims[dim])

    def are_of_time(self) -> bool:
        """Whether each sample, as the loss sees it, is a time step of the layer, and one alone."""
        return (
            bool(self.dims) and bool(self.given_up) and [one for one, _ in self.dims[0]] == ["time"]
        )


def after(node: Node, place: int, axes: Axes) -> Axes | None:
    """The dimensions of what an operation has made.

    Args:
        node: its node in the graph.
        place: which of its operands has these dimensions.
        axes: the dimensions of that operand.

    Returns:
        None where that is not certain.
    """
    name, shape = node.name(), output_shape(node)
    operation = name.partition("Backward")[0]
    found: Axes | None = None
    if name in EXACTLY:
        found = EXACTLY[name](node, place, axes)
    elif operation in ENTRY_BY_ENTRY:
        found = axes
    elif operation in SAME_ORDER:
        found = _reshaped(axes, shape)
    return found if found is not None and shape in {None, found.shape} else None


ENTRY_BY_ENTRY = frozenset(
    {"Add", "Sub", "Rsub", "Mul", "Div", "Neg", "Pow", "Exp", "Log", "Sqrt", "Abs", "Where"}
    | {"Relu", "Tanh", "Sigmoid", "Gelu", "Silu", "Elu", "LeakyRelu", "Softplus", "Hardtanh"}
    | {"Clamp", "MaskedFill", "NativeDropout", "NativeLayerNorm", "NativeBatchNorm"}
    | {"CudnnBatchNorm", "Softmax", "LogSoftmax", "Clone", "ToCopy", "Alias", "Expand"}
)
"""Operations that leave each entry where it is, as long as the shape stays what it was."""
SAME_ORDER = frozenset({"View", "UnsafeView", "ReshapeAlias", "Unsqueeze", "Squeeze"})
"""Those that merge and divide dimensions, all entries in the order in which they were."""


def _reshaped(axes: Axes, shape: tuple[int, ...] | None) -> Axes | None:
    """What the dimensions of this shape count of what is there, in the same order."""
    waiting = [factor for dim in axes.dims for factor in dim]
    dims: list[Dim] = []
    for size in shape or ():
        dim: list[tuple[Axis, int]] = []
        while (rest := size // prod(one for _, one in dim)) > 1:
            if not waiting:
                return None
            axis, length = waiting.pop(0)
            if rest % length and (axis != "other" or length % rest):
                return None  # a part of the time, or of the batch
            dim.append((axis, min(length, rest)))
            if length > rest:
                waiting.insert(0, (axis, length // rest))
        dims.append(tuple(dim))
    return None if waiting or shape is None else Axes(tuple(dims), axes.given_up)


def _without(axes: Axes, dim: int, how: str, *, keeps: bool = False) -> Axes | None:
    """One dimension less, or one of length 1 in its place."""
    if axes.has("time", dim):
        return None
    given_up = how if axes.has("batch", dim) else axes.given_up
    kept: tuple[Dim, ...] = ((),) if keeps else ()
    return Axes((*axes.dims[:dim], *kept, *axes.dims[dim + 1 :]), given_up)


def _selected(node: Node, _place: int, axes: Axes) -> Axes | None:
    dim = signed(node._saved_dim) % len(axes.dims)  # noqa: SLF001  # a number, as all below
    is_last = signed(node._saved_index) in {-1, axes.shape[dim] - 1}  # noqa: SLF001  # a number
    # One that is not the last may be anything on purpose, such as a token that stands for all.
    return None if axes.has("batch", dim) and not is_last else _without(axes, dim, BY_INDEX)


def _sliced(node: Node, _place: int, axes: Axes) -> Axes | None:
    dim = signed(node._saved_dim) % len(axes.dims)  # noqa: SLF001  # a number
    shape = output_shape(node)
    if shape is None or shape == axes.shape:
        return axes if shape else None
    if axes.has("batch", dim):
        is_last = signed(node._saved_start) in {-1, axes.shape[dim] - 1}  # noqa: SLF001  # a number
        is_last &= shape[dim] == 1
        return _without(axes, dim, BY_INDEX, keeps=True) if is_last else None
    return _resized(axes, dim, shape[dim])


def _resized(axes: Axes, dim: int, size: int) -> Axes | None:
    """Another length of a dimension that counts neither."""
    if axes.has("time", dim) or axes.has("batch", dim):
        return None
    new: Dim = (("other", size),) if size > 1 else ()
    return Axes((*axes.dims[:dim], new, *axes.dims[dim + 1 :]), axes.given_up)


def _reduced(node: Node, _place: int, axes: Axes) -> Axes | None:
    over, count = node._saved_dim, len(axes.dims)  # noqa: SLF001  # a number
    found: Axes | None = axes
    given = [over] if isinstance(over, int) else over or range(count)
    for dim in sorted((signed(one) % count for one in given), reverse=True):
        keeps = bool(node._saved_keepdim)  # noqa: SLF001  # a number
        found = None if found is None else _without(found, dim, BY_ALL, keeps=keeps)
    return found


def _exchanged(node: Node, _place: int, axes: Axes) -> Axes | None:
    count = len(axes.dims)
    first, second = (signed(one) % count for one in (node._saved_dim0, node._saved_dim1))  # noqa: SLF001  # a number
    dims = list(axes.dims)
    dims[first], dims[second] = dims[second], dims[first]
    return Axes(tuple(dims), axes.given_up)


def _permuted(node: Node, _place: int, axes: Axes) -> Axes | None:
    order = [signed(one) % len(axes.dims) for one in node._saved_dims]  # noqa: SLF001  # a number
    return Axes(tuple(axes.dims[one] for one in order), axes.given_up)


def _turned(_node: Node, _place: int, axes: Axes) -> Axes | None:
    return Axes(axes.dims[::-1], axes.given_up)


def _multiplied(operand: int) -> Callable[[Node, int, Axes], Axes | None]:
    """A product of a matrix, which is that operand, with one of weights."""

    def made(node: Node, place: int, axes: Axes) -> Axes | None:
        shape = output_shape(node)
        if place != operand or shape is None:
            return None
        left = _without(axes, len(axes.dims) - 1, BY_ALL, keeps=True)
        return None if left is None else _resized(left, len(left.dims) - 1, shape[-1])

    return made


def _of_batches(node: Node, place: int, axes: Axes) -> Axes | None:
    """A product of each of many matrices with one of its own."""
    shape = output_shape(node)
    contracted, free = (2, 1) if place == 0 else (1, 2)
    if shape is None or len(axes.dims) != len(shape):
        return None
    left = _without(axes, contracted, BY_ALL, keeps=True)
    if left is None or place == 1:
        return None if left is None else _resized(left, contracted, shape[contracted])
    return (
        _resized(left, contracted, shape[contracted]) if left.shape[free] == shape[free] else None
    )


def _joined(node: Node, _place: int, axes: Axes) -> Axes | None:
    shape, dim = output_shape(node), signed(node._saved_dim)  # noqa: SLF001  # a number
    dim %= len(axes.dims)
    return None if shape is None else _resized(axes, dim, shape[dim])


def _gathered(node: Node, _place: int, axes: Axes) -> Axes | None:
    """One entry of the batch for each time step."""
    dim = signed(node._saved_dim) % len(axes.dims)  # noqa: SLF001  # a number
    shape = (*axes.shape[:dim], 1, *axes.shape[dim + 1 :])
    return _without(axes, dim, BY_INDEX, keeps=True) if output_shape(node) == shape else None


def _indexed(node: Node, _place: int, axes: Axes) -> Axes | None:
    """The same where the time steps are counted through: ``out[torch.arange(n), last]``."""
    indices = saved_indices(node)
    if len(indices) != 2 or any(one is None or not one.is_cpu for one in indices):
        return None  # values on an accelerator would have to be waited for
    if sorted(axes.has("time", dim) + 2 * axes.has("batch", dim) for dim in (0, 1)) != [1, 2]:
        return None
    of_time = 0 if axes.has("time", 0) else 1
    counted = indices[of_time]
    count = axes.shape[of_time]
    if (
        counted is None
        or counted.shape != (count,)
        or output_shape(node) != (count, *axes.shape[2:])
    ):
        return None
    is_each = bool((counted == torch.arange(count)).all())
    return Axes((axes.dims[of_time], *axes.dims[2:]), BY_INDEX) if is_each else None


EXACTLY: dict[str, Callable[[Node, int, Axes], Axes | None]] = {
    "SelectBackward0": _selected,
    "SliceBackward0": _sliced,
    "IndexBackward0": _indexed,
    "GatherBackward0": _gathered,
    **dict.fromkeys(("MeanBackward1", "SumBackward1", "MaxBackward0", "AmaxBackward0"), _reduced),
    **dict.fromkeys(("TransposeBackward0", "TransposeBackward1"), _exchanged),
    "PermuteBackward0": _permuted,
    "TBackward0": _turned,
    **dict.fromkeys(("MmBackward0", "LinearBackward0"), _multiplied(0)),
    "AddmmBackward0": _multiplied(1),
    "BmmBackward0": _of_batches,
    "CatBackward0": _joined,
}
"""What operations do to dimensions, by the names of their nodes."""
