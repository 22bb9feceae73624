"""Whether the targets of a loss are the tokens that entered the model, one position on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

ENTRIES = 2**13
"""Of a batch with more entries only the first samples are compared."""
SHORTEST = 8
"""Positions from which on a sequence is read: a shorter one has the length of much else."""
ENOUGH = 32
"""Entries that have to be alike, of those whose token is another than the one before it: where
labels are no tokens, so many are not so by chance."""
VARIETY = 3
"""Different tokens that have to be among them. What only ever changes between two proves little."""
MISMATCHES, ENDS, ALIKE, DIFFERENT = range(4)
"""Of the entries that count: how many targets are other than the token one position on, how many
of them a sample at most has where its end is filled up, how many are the same, and how many
different tokens those are."""


@dataclass(frozen=True, slots=True)
class Shifted:
    """Targets beside the tokens one position on, in one of the ways in which they may lie."""

    samples: int
    """How many there are."""
    length: int
    """How many positions each of them has, in the model."""
    is_proof: Tensor
    """Bool [some samples, length - 1]: whether the target at a position is the next token, and the
    token there another one."""
    figures: Tensor
    """Float [4], as ``MISMATCHES`` and so on number them."""


def is_next(figures: list[float]) -> bool:
    """Whether figures are those of targets that are the tokens one position on.

    A sample may end in another token than what fills it up, as ``[BOS, a, b, PAD]`` does with the
    targets ``[a, b, EOS, PAD]``.
    """
    return (
        figures[MISMATCHES] == 0
        and figures[ENDS] <= 1
        and figures[ALIKE] >= ENOUGH
        and figures[DIFFERENT] >= VARIETY
    )


def shifted(tokens: Tensor, targets: Tensor, ignored: int) -> Iterator[Shifted]:
    """Every way in which targets can lie beside tokens, samples or positions first.

    Args:
        tokens: integers [samples, length] or [length, samples].
        targets: integers, one for each position, or for each but the last.
        ignored: what stands in the place of a target that does not count.
    """
    for turned in (False, True):
        rows = tokens.T if turned else tokens
        samples, length = rows.shape
        if length < SHORTEST or targets.numel() not in {samples * length, samples * (length - 1)}:
            continue
        kept = targets.numel() // samples
        layouts = [targets.reshape(samples, kept)]
        if samples > 1:
            layouts.append(targets.reshape(kept, samples).T)
        for held in layouts:
            some = max(1, ENTRIES // length)
            yield _compared(rows[:some], held[:some, : length - 1], ignored, samples)


def _compared(tokens: Tensor, targets: Tensor, ignored: int, samples: int) -> Shifted:
    """Nothing here waits for a device."""
    following = tokens[:, 1:]
    counts, is_alike = targets != ignored, targets == following
    # What fills a sample up to the length of the others is the same to its end.
    is_end = (tokens == tokens[:, -1:]).flip(1).cummin(1).values.flip(1)[:, 1:]
    is_other = counts & ~is_alike
    is_proof = counts & is_alike & (following != tokens[:, :-1])
    least = following.min()
    ordered = torch.where(is_proof, following, least).flatten().sort().values
    figures = [
        (is_other & ~is_end).sum(),
        (is_other & is_end).sum(1).max(),
        is_proof.sum(),
        (ordered[1:] != ordered[:-1]).sum() + 1,
    ]
    return Shifted(samples, tokens.shape[1], is_proof, torch.stack(figures).float())
