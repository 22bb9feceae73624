"""Where a batch may come from: the data loaders of the process, and copies that are kept."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sources:
    """What may have given a batch."""

    has_more: bool
    """Whether there is a data loader with such batches, and more than one of them an epoch; False
    where one has no more than this."""
    kept: tuple[ReferenceType[Tensor], ...]
    """Tensors of the same size that are no part of a graph: where one lives on, a loop may copy its
    batch from it on purpose."""


def sources_of(size: int, entries: int, no_data: Iterable[Tensor]) -> Sources:
    """Searches everything that lives in the process, which takes a while.

    Args:
        size: samples of the batch.
        entries: of the whole batch.
        no_data: tensors that are no copies of it, whatever their size.
    """
    module = sys.modules.get("torch.utils.data.dataloader")
    if module is None:
        return Sources(has_more=False, kept=())
    known = {id(one) for one in no_data}
    lengths: list[int] = []
    kept: list[ReferenceType[Tensor]] = []
    for one in gc.get_objects():
        # By the type itself: to ask an object for its class may run code of its own.
        kind = type(one)
        if kind is Tensor:
            # One that is nested has no shape.
            is_alike = not one.is_nested and one.shape[:1] == (size,) and one.numel() == entries
            if is_alike and not one.requires_grad and id(one) not in known:
                kept.append(ref(one))
        elif issubclass(kind, module.DataLoader) and _gives(one, size):
            lengths.append(len(one))
    return Sources(has_more=min(lengths, default=0) > 1, kept=tuple(kept))


def _gives(loader: Any, size: int) -> bool:  # noqa: ANN401  # its class is not to be imported
    """Whether the batches of a loader have that many samples; False where it does not know."""
    try:
        return bool(min(loader.batch_size, len(loader.dataset)) == size)
    except TypeError:  # batches of its own, or a stream without an end
        return False
