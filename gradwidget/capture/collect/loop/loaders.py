"""Where a batch may come from: the data loaders of the process, and copies that are kept."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor

from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.fingerprint import fingerprint, is_scaled
from gradwidget.capture.stats.readback import Readback, Values

MOST = 200
"""Tensors of the size of a batch whose entries are compared with its; of more, all count."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What may have given a batch."""

    has_more: bool
    """Whether there is a data loader with such batches, and more than one of them an epoch; False
    where one has no more than this."""
    kept: tuple[ReferenceType[Tensor], ...]
    """Tensors that it may be a copy of, as it is or scaled: where one lives on, a loop may copy its
    batch from it on purpose."""


def sources_of(size: int, entries: int, batch: Values, no_data: Iterable[Tensor]) -> Sources:
    """Searches everything that lives in the process, which takes a while.

    Args:
        size: samples of the batch.
        entries: of the whole batch.
        batch: its fingerprint.
        no_data: tensors that are no copies of it, whatever they hold.
    """
    module = sys.modules.get("torch.utils.data.dataloader")
    if module is None:
        return Sources(has_more=False, kept=())
    known = {id(one) for one in no_data}
    lengths: list[int] = []
    found: list[Tensor] = []
    for one in gc.get_objects():
        # By the type itself: to ask an object for its class may run code of its own.
        kind = type(one)
        if kind is Tensor:
            # One that is nested has no shape.
            is_alike = not one.is_nested and one.shape[:1] == (size,) and one.numel() == entries
            if is_alike and not one.requires_grad and id(one) not in known:
                found.append(one)
        elif issubclass(kind, module.DataLoader) and _gives(one, size):
            lengths.append(len(one))
    kept = [one for one in found if len(found) > MOST or _may_be(one, batch)]
    return Sources(has_more=min(lengths, default=0) > 1, kept=tuple(map(ref, kept)))


def _may_be(tensor: Tensor, batch: Values) -> bool:
    """Whether a tensor of the size of a batch may be what it was copied from.

    One on an accelerator would have to be waited for; it may always be.
    """
    if unreadable(tensor) is not None:
        return False
    return not tensor.is_cpu or is_scaled(
        fingerprint(plain(tensor), Readback())(), batch, tensor.numel()
    )


def _gives(loader: Any, size: int) -> bool:  # noqa: ANN401  # its class is not to be imported
    """Whether the batches of a loader have that many samples; False where it does not know."""
    try:
        return bool(min(loader.batch_size, len(loader.dataset)) == size)
    except TypeError:  # batches of its own, or a stream without an end
        return False
