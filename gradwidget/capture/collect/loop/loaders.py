"""Where a batch may come from: data loaders, tensors that hold all data, copies that are kept."""

from __future__ import annotations

import gc
import math
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
SOME = 16
"""Entries of a sample by which it is found again in a larger tensor."""
LARGEST = 1 << 22
"""Samples of such a tensor that are compared; more would hold up the loop."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What may have given a batch."""

    has_more: bool
    """Whether there is a data loader with such batches, and more than one of them an epoch, or a
    tensor that has this batch's samples among others; False where a loader has no more than this.
    """
    kept: tuple[ReferenceType[Tensor], ...]
    """Tensors that it may be a copy of, as it is or scaled: where one lives on, a loop may copy its
    batch from it on purpose."""


def sample_of(batch: Tensor) -> Tensor | None:
    """A copy of some entries of its first sample; None of what would be found by chance.

    That are integers and numbers alone. Data on an accelerator would have to be waited for.
    """
    if not batch.is_cpu or not batch.is_floating_point() or batch.dim() < 2 or not batch.numel():
        return None
    sample = batch[0].reshape(-1)
    return sample[:: _every(len(sample))].clone()


def _every(entries: int) -> int:
    return 1 + (entries - 1) // SOME


def sources_of(
    shape: tuple[int, ...], batch: Values, no_data: Iterable[Tensor], sample: Tensor | None
) -> Sources:
    """Searches everything that lives in the process, which takes a while.

    Args:
        shape: of the batch, samples first.
        batch: its fingerprint.
        no_data: tensors that are no copies of it, whatever they hold.
        sample: some entries of its first sample, as ``sample_of`` gives them.
    """
    size, entries = shape[0], math.prod(shape)
    loader = getattr(sys.modules.get("torch.utils.data.dataloader"), "DataLoader", ())
    known = {id(one) for one in no_data}
    larger: list[Tensor] = []
    lengths: list[int] = []
    found: list[Tensor] = []
    for one in gc.get_objects():
        # By the type itself: to ask an object for its class may run code of its own.
        kind = type(one)
        if kind is Tensor:
            # One that is nested has no shape.
            if one.is_nested or one.requires_grad or id(one) in known:
                continue
            if one.shape[:1] == (size,) and one.numel() == entries:
                found.append(one)
            elif one.shape[1:] == shape[1:] and one.shape[:1] > (size,):
                larger.append(one)
        elif issubclass(kind, loader) and _gives(one, size):
            lengths.append(len(one))
    kept = [one for one in found if len(found) > MOST or _may_be(one, batch)]
    # One that is the same all over, such as an empty image, may be anybody's.
    if lengths or sample is None or len(larger) > MOST or bool((sample == sample[0]).all()):
        has_more = min(lengths, default=0) > 1
    else:
        has_more = any(_has(one, sample) for one in larger)
    return Sources(has_more=has_more, kept=tuple(map(ref, kept)))


def _has(tensor: Tensor, sample: Tensor) -> bool:
    """Whether a tensor has a sample with these entries, and others."""
    if unreadable(tensor) is not None or tensor.dtype is not sample.dtype or not tensor.is_cpu:
        return False
    rows = plain(tensor)[:LARGEST].flatten(1)
    alike = (rows[:, :: _every(rows.shape[1])] == sample).all(1)
    return bool(alike.any()) and not bool(alike.all())


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
