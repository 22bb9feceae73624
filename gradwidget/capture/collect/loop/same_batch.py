"""Whether a loop that has a data loader trains on the same batch at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from weakref import ReferenceType

from torch import Tensor

from gradwidget.capture.collect.loop.loaders import Sources, sources_of
from gradwidget.capture.stats.fingerprint import are_same
from gradwidget.capture.stats.readback import Fetch, Values
from gradwidget.frame import Frame

IN_A_ROW = 5
"""Frames with the same data after which it is searched where that comes from."""
COPIES = 3
"""Frames after which a copy that still lives is kept on purpose: a loop that fetches its batches
holds one of them for a step or two."""
PAUSE = 50
"""Frames from one search to the next."""
NOTHING = Sources(has_more=False, kept=())


@dataclass(frozen=True, slots=True)
class Entered:
    """Data that has entered the model."""

    owner: ReferenceType[Tensor]
    """The tensor that it is, or is a view of."""
    fingerprint: Fetch
    shape: tuple[int, ...]
    sample: Tensor | None = None
    """Some entries of its first sample."""
    statistics: Fetch | None = None
    """Of floating-point data, what ``InputData`` measures."""
    spread: Callable[[], float] | None = None
    """How much its samples differ; None where it has too few."""
    features: Fetch | None = None
    """Of a table, the L2 norm of each column; None of anything else."""


class SameBatch:
    """Compares the data of each frame with that of the frame before.

    It is the same batch again where every entry is the same and the first tensor is another: a loop
    that means to train on one batch keeps it. And only where a data loader, or the tensor that the
    samples are taken from, would have more.

    Args:
        no_data: gives tensors of the process that are no data.
    """

    def __init__(self, no_data: Callable[[], Iterable[Tensor]]) -> None:
        self._no_data = no_data
        self._before: tuple[ReferenceType[Tensor] | None, list[Values]] = (None, [])
        self._in_a_row = 0
        self._since_search = PAUSE
        self._sources = NOTHING

    def noted(self, frame: Frame, entered: Sequence[Entered]) -> Frame:
        """A frame with ``same_batch``, which is 1 or 0; without it where no data was seen.

        Args:
            frame: one after the other, in the order of their steps.
            entered: the data of its step.
        """
        if not entered:
            return frame
        prints = [one.fingerprint() for one in entered]
        (owner, before), self._before = self._before, (entered[0].owner, prints)
        is_again = (
            owner is not None
            and len(prints) == len(before)
            and all(map(are_same, prints, before))
            and (owner() is None or owner() is not entered[0].owner())
        )
        self._since_search += 1
        self._in_a_row = self._in_a_row + 1 if is_again else 0
        scalars = {**frame.scalars, "same_batch": float(self._is_bug(entered[0], prints[0]))}
        return replace(frame, scalars=scalars)

    def _is_bug(self, first: Entered, fingerprint: Values) -> bool:
        """Whether data that comes again and again should be other data."""
        if self._in_a_row < IN_A_ROW:
            self._sources = NOTHING
        elif self._since_search >= PAUSE:
            self._since_search = 0
            self._sources = sources_of(first.shape, fingerprint, self._no_data(), first.sample)
        elif any(one() is not None for one in self._sources.kept):
            if self._since_search >= COPIES:
                self._sources = NOTHING
        else:
            return self._sources.has_more
        return False
