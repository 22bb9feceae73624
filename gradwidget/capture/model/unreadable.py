"""Which tensors have entries that can be read, and why others have not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from gradwidget.capture import unmeasured
from gradwidget.capture.model.local_part import is_partial
from gradwidget.capture.torch_private import is_sharded, is_transformed, without_subclass

PLAIN_TYPES = (Tensor, nn.Parameter)
"""Types whose operations are torch's own: those of a subclass may do anything."""


class UnreadableError(TypeError):
    """The entries of a tensor cannot be read; the message is a sentence for the user."""


def plain(tensor: Tensor) -> Tensor:
    """The entries of a gradient, a weight or an output as a dense real tensor.

    Of a sparse tensor the stored entries, of a complex one the moduli. What can go wrong with an
    ordinary tensor (that it is on the meta device, or nested) is left to what reads it.

    Raises:
        UnreadableError: its entries are not at hand.
    """
    if type(tensor) in PLAIN_TYPES and tensor.layout is torch.strided and not tensor.is_complex():
        return tensor.detach() if tensor.requires_grad else tensor
    reason = unreadable(tensor)
    if reason is not None:
        raise UnreadableError(reason)
    tensor = without_subclass(tensor.detach())
    if tensor.layout is torch.sparse_coo:
        tensor = tensor.coalesce().values()
    return tensor.abs() if tensor.is_complex() else tensor


def unreadable(tensor: Tensor) -> str | None:
    """Why the entries of a tensor cannot be read, in a sentence; None where they can."""
    for reason, is_so in OUT_OF_REACH.items():
        if is_so(tensor):
            is_part = reason is unmeasured.SHARD and is_partial(tensor)
            return unmeasured.PARTIAL if is_part else reason
    if tensor.is_nested or tensor.layout not in {torch.strided, torch.sparse_coo}:
        kind = "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
        return unmeasured.layout(kind)
    if tensor.is_quantized:
        return unmeasured.quantized(str(tensor.dtype).removeprefix("torch."))
    # Operations of such a class are its own: they may do anything, and give anything.
    if type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__:
        return unmeasured.subclass(type(tensor).__name__)
    return None


def _is_recorded(tensor: Tensor) -> bool:
    return tensor.is_cuda and torch.cuda.is_current_stream_capturing()


OUT_OF_REACH: Mapping[str, Callable[[Tensor], bool]] = {
    unmeasured.INSIDE_TRANSFORM: is_transformed,  # first: there the others cannot be asked
    unmeasured.LAZY: is_lazy,
    unmeasured.SHARD: is_sharded,
    unmeasured.META: lambda one: one.is_meta,
    unmeasured.CUDA_GRAPH: _is_recorded,
}
"""What keeps the entries of a tensor from being read, with what tells it."""
