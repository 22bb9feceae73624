"""Whether a matrix is what became of a column and a row that were added or subtracted."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwidget.capture.model.unreadable import plain, unreadable

FEWEST = 4
"""Samples below which that cannot be told from other matrices."""
MOST = 64
"""Samples that are looked at: what holds for all pairs holds for those of a few."""
ROUNDING = 1e-3
"""What rounding may change of the entries, as a share of how much they differ."""


@torch.no_grad()
def is_of_two_vectors(matrix: Tensor) -> bool:
    """Whether the rows of a matrix [N, N] differ from each other by nothing but a number each.

    As advantages do that were made of returns [N] and values [N, 1]. Or there are two kinds of
    rows, or of columns, each of which does so: where an episode is over, the value of the next
    state is left out. Kernels, distances and outer products are none of this, and neither are masks
    or matrices that compare samples with each other, whose two halves are the same or opposite.

    Reading it waits for the device; nearly no loss has such a matrix to be asked for.
    """
    if unreadable(matrix) is not None or not matrix.is_floating_point():
        return False
    if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < FEWEST:
        return False
    # In the format that every device has.
    entries = plain(matrix[:MOST, :MOST]).float()
    allowed = max(ROUNDING, 4 * torch.finfo(matrix.dtype).eps)
    is_so = _of_two_kinds(entries, allowed) | _of_two_kinds(entries.T, allowed)
    return bool(is_so & ~_compares_with_itself(entries, allowed))


def _of_two_kinds(entries: Tensor, allowed: float) -> Tensor:
    """Whether the columns are of two kinds at most, and those of one differ by a number each."""
    means = entries.mean(0)
    columns = (entries - means).T
    most = _size(columns).amax()
    to_first = _size(columns - columns[0])
    other = columns[to_first.argmax()]
    to_other = _size(columns - other)
    is_all = torch.minimum(to_first, to_other).amax() <= allowed * most
    has_one = torch.stack(
        [
            (_spread(means, distance <= allowed * most) > allowed * most)
            & (_size(one) > allowed * most)
            for distance, one in ((to_first, columns[0]), (to_other, other))
        ]
    ).any()
    return (most > 0) & is_all & has_one


def _size(vectors: Tensor) -> Tensor:
    """Root of the mean square of each."""
    return vectors.square().mean(-1).sqrt()


def _spread(means: Tensor, chosen: Tensor) -> Tensor:
    """How far apart those that are chosen are."""
    top = torch.where(chosen, means, -torch.inf).amax()
    return top - torch.where(chosen, means, torch.inf).amin()


def _compares_with_itself(entries: Tensor, allowed: float) -> Tensor:
    """Whether both halves are the same, or the one is the negative of the other."""
    most = allowed * (entries - entries.mean()).abs().amax()
    same, opposite = (entries - entries.T).abs().amax(), (entries + entries.T).abs().amax()
    return torch.minimum(same, opposite) <= most
