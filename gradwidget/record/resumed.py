"""The history of a run that was resumed: of each part what its own history has joined."""

from __future__ import annotations

import numpy as np

from gradwidget.record.capacity import START
from gradwidget.record.history import History
from gradwidget.record.metric_history import MetricHistory
from gradwidget.record.overview import LossColumns, Overview, Summaries


class ResumedHistory(History):
    """A history that takes up overviews of further parts after what it has.

    The first overview of a part, one whose columns begin with the part, makes summaries of all
    frames before it; their columns may stand for fewer frames each than those of the part.
    """

    def __init__(self) -> None:
        super().__init__()
        self._frames_before = 0
        self._losses_before: LossColumns = self.losses.columns()

    def take_up(self, overview: Overview) -> None:
        """Adds the columns of an overview, as if the frames that it stands for had been appended.

        Args:
            overview: of the next part, or the one that continues the overview before; its steps
                come after all that there are.

        Raises:
            ValueError: it does not continue what is there.
            KeyError: it has a metric that ``gradwidget.metrics`` does not list.
        """
        if not overview.since:
            self._frames_before = self._version
            self._losses_before = self.losses.columns()
        if not self._frames_before:
            super().take_up(overview)
            return
        if overview.since != self._version - self._frames_before:
            message = "the overview does not continue what is there"
            raise ValueError(message)
        self._summarize_all()
        if overview.layers is not self._layers:
            self._adopt(overview.layers)
        self._know(overview.metrics, overview.scalars)
        if not overview.since:
            self._take_up_start(overview)
        self._add_columns(overview)
        self._version = self._frames_before + overview.covered
        self.losses.take_up(self._losses_before, overview.losses)

    def _summarize_all(self) -> None:
        """Turns all single rows into summaries."""
        self._newest.clear()
        while self._fine >= self._room.fold:
            self._fold()
        if rest := self._fine:
            self._make_room(1)
            for history in self._all_histories():
                history.fold(rest, rest, self._coarse, 1)
            self._coarse_steps[self._coarse] = self._fine_steps[0]
            self._coarse_frames[self._coarse] = rest
            self._coarse, self._fine = self._coarse + 1, 0

    def _make_room(self, columns: int) -> None:
        while self._coarse + columns > self._room.coarse:
            self._halve()

    def _take_up_start(self, overview: Overview) -> None:
        """The first frames of the run may be more than its first part has."""
        place = self._frames_before
        for history, given in self._pairs(overview):
            if place < START:
                history.start[place:] = np.nan
                if given is not None:
                    start = given.start[: START - place]
                    history.start[place : place + len(start)] = start

    def _add_columns(self, overview: Overview) -> None:
        # Piece by piece: to halve what there is makes room for no more at a time.
        most = max(1, self._room.coarse // 2)
        for begin in range(0, len(overview.steps), most):
            piece = slice(begin, begin + most)
            count = len(overview.steps[piece])
            self._make_room(count)
            into = slice(self._coarse, self._coarse + count)
            for history, given in self._pairs(overview):
                history.take_up(into, None if given is None else given.piece(piece))
            self._skipped.take_up(into, overview.skipped.piece(piece))
            self._coarse_steps[into] = overview.steps[piece]
            self._coarse_frames[into] = overview.frames[piece]
            self._coarse = into.stop
        # What follows is joined as it was where it was recorded.
        self._stride, self._open_frames = overview.stride, 0

    def _pairs(self, overview: Overview) -> list[tuple[MetricHistory, Summaries | None]]:
        """Each metric and scalar that was ever measured, and what the overview has of it."""
        both = (self._metrics, overview.metrics), (self._scalars, overview.scalars)
        return [
            (history, given.get(name)) for known, given in both for name, history in known.items()
        ]
