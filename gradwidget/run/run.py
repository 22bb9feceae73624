"""A recorded run: read, followed while it is written, and judged again."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.engine import Engine
from gradwidget.record.history import History
from gradwidget.record.lock import free_when_forked
from gradwidget.record.resumed import ResumedHistory
from gradwidget.report.text import report
from gradwidget.run.part import Part
from gradwidget.run.parts import parts_of
from gradwidget.run.run_file_error import RunFileError
from gradwidget.wording import names, visible

if TYPE_CHECKING:
    from gradwidget.control.control import Change
    from gradwidget.diagnose.finding import Finding
    from gradwidget.diagnose.thresholds import Thresholds
    from gradwidget.frame import Frame, Layer
    from gradwidget.problem import Problem
    from gradwidget.record.rank_log import Rank
    from gradwidget.report.processes import Processes


def open_run(path: str | os.PathLike[str]) -> Run:
    """Reads a run that ``GradMonitor(model, run_file=...)`` has recorded or still records.

    Args:
        path: of its first file; the parts of a run that was resumed are found beside it.

    Raises:
        OSError: a file cannot be opened or read.
        RunFileError: a file is no run file, or nothing of it can be read.

    Example:
        >>> import tempfile, torch
        >>> from gradwidget import GradMonitor
        >>> model = torch.nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "run.gw"
        ...     GradMonitor(model, run_file=path).close()
        ...     open_run(path).report()
        'Waiting for the first step'
    """
    return Run(Path(path))


class Run:
    """What was recorded of a run, as far as it is in its file; made by ``open_run``.

    A file that is damaged or was cut off is read as far as it is whole; ``damage`` says what is
    missing. The parts of a run that was resumed are one run: a later part replaces what earlier
    ones have from its ``start_step`` on, and their findings are over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        """Of its first file."""
        self.lock = threading.RLock()
        """Held while more is read. Hold it to read things that belong together."""
        free_when_forked(self)
        self.history: History = ResumedHistory()
        """Everything measured, as ``GradMonitor.history`` has it."""
        self._parts: list[Part] = []
        self._read_all()

    # ---------------------------------------------------------------- what there is to read

    @property
    def findings(self) -> list[Finding]:
        """What was wrong, as it was said while the run was recorded.

        Active ones first, as ``GradMonitor.findings`` gives them; those of earlier parts last.
        ``diagnose`` tells what today's rules say.
        """
        with self.lock:
            return _joined([part.findings for part in self._parts], self._ends)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, input first; empty before the first frame."""
        return self.history.layers or self._parts[-1].layers

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change that was made to the loop by its picture, in order, part by part."""
        return tuple(change for part in self._parts for change in part.changes)

    @property
    def problems(self) -> list[Problem]:
        """Failures inside gradwidget that were contained while it recorded."""
        return [problem for part in self._parts for problem in part.problems]

    @property
    def processes(self) -> Processes:
        """Those that the training was spread over, as the newest part tells it."""
        return self._parts[-1].processes

    @property
    def ranks(self) -> Sequence[Rank]:
        """Those of them that had told of a step, as ``GradMonitor.ranks`` gives them."""
        return self.processes.ranks

    @property
    def scalars(self) -> Mapping[str, NDArray[np.float64]]:
        """float64 [columns] by name: ``loss``, ``lr`` …; ``history.steps`` has their steps."""
        return self.history.scalars

    @property
    def thresholds(self) -> Thresholds:
        """The bounds that the findings were judged by."""
        return self._parts[-1].thresholds

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of gradwidget, torch and Python that recorded the newest part."""
        return self._parts[-1].versions

    @property
    def model_class(self) -> str:
        """Class name of the model."""
        return self._parts[-1].model

    @property
    def start_step(self) -> int:
        """Number of the first step, as it was given."""
        return self._parts[0].start_step

    @property
    def damage(self) -> list[str]:
        """What could not be read, in words; a block that is only not whole yet is none of it."""
        damage = [what for part in self._parts for what in part.damage]
        if self._parts[-1].is_tired:
            damage.append("the rest, so far: it takes long to read, and refresh() goes on with it")
        return [*map(str, self._unreadable), *damage]

    @property
    def awaits(self) -> str:
        """What the first step lacks: of a recorded run that is not known."""
        return ""

    @property
    def closed(self) -> bool:
        """Whether its recorder has ended. False while it is written, and where it was killed."""
        return self._parts[-1].finished

    @property
    def overhead(self) -> float:
        """Share of the step time that gradwidget cost at the newest step; NaN where unknown."""
        last = self.history.last
        return math.nan if last is None else last.scalars.get("overhead", math.nan)

    @property
    def sampling_interval(self) -> float:
        """Steps per sampled step among the newest frames; NaN where none was sampled."""
        frames = self.history.recent_frames(64)
        sampled = sum(bool(frame.metrics) for frame in frames)
        return len(frames) / sampled if sampled else math.nan

    def report(self, *, full: bool = False) -> str:
        """What was wrong and what helps, as ``GradMonitor.report`` gives it."""
        with self.lock, np.errstate(all="ignore"):
            return report(
                self.history,
                self.findings,
                self.problems,
                window=self.thresholds.window,
                full=full,
                processes=self.processes,
            )

    def diagnose(self, thresholds: Thresholds | None = None) -> list[Finding]:
        """What the rules of this version say about the run, judged frame by frame as it was live.

        It reads the file once more; with 200 layers some 2,000 frames take a second.

        Args:
            thresholds: bounds to judge by; None for those of the recording.

        Raises:
            OSError: a file cannot be read.
            RunFileError: a file is no run file any more.
        """
        parts, _ = _opened(self.path)
        ends = _ends(parts)
        judged = []
        for part, end in zip(parts, ends, strict=True):
            history, engine = History(), Engine(thresholds or part.thresholds, _contained)
            with np.errstate(all="ignore"):
                for frame in _until(part.frames(), end):
                    history.append(frame)
                    engine.update(history)
            judged.append(engine.findings)
        return _joined(judged, ends)

    # ---------------------------------------------------------------- reading on

    def refresh(self) -> bool:
        """Reads what has been written since, in this part of the run or a new one.

        Returns:
            Whether there was anything new.

        Raises:
            OSError: a file cannot be read.
        """
        with self.lock:
            new = [path for path in parts_of(self.path) if path not in self._known]
            # A part that has just begun may not have its first block yet.
            if any(isinstance(_part(path), Part) for path in new):
                self._read_all()
                return True
            before = self._state
            self._parts[-1].read_into(self.history)
            return self._state != before

    def _read_all(self) -> None:
        parts, self._unreadable = _opened(self.path)
        self._known = {part.path for part in parts}
        self._ends = _ends(parts)
        self._parts, self.history = parts, ResumedHistory()
        for part, end in zip(parts, self._ends, strict=True):
            part.take_up_overview(self.history, end)
            part.read_into(self.history, end)
            if part is not parts[-1]:
                part.give_up()

    @property
    def _state(self) -> tuple[int, int, bool, bool]:
        """Differs once more was read."""
        is_tired = self._parts[-1].is_tired
        return self.history.version, self.history.losses.version, self.closed, is_tired


def _opened(path: Path) -> tuple[list[Part], list[RunFileError]]:
    """The parts of a run, and what is wrong with those that cannot be read.

    Raises:
        OSError: a file cannot be opened.
        RunFileError: none of them can be read.
    """
    if path.is_dir():
        raise RunFileError(_runs_in(path))
    opened = [_part(file) for file in parts_of(path)]
    parts = [one for one in opened if isinstance(one, Part)]
    errors = [one for one in opened if isinstance(one, RunFileError)]
    if not parts:
        raise errors[0]
    return parts, errors


def _runs_in(folder: Path) -> str:
    runs = sorted(visible(one.name) for one in folder.glob("*.gw"))
    there = f"in it is {names(runs, most=5)}" if runs else "in it is none"
    return (
        f"{visible(str(folder))} is no file but a directory: give the path of a run file; {there}"
    )


def _part(path: Path) -> Part | RunFileError:
    try:
        return Part(path)
    except RunFileError as error:
        return error


def _ends(parts: Sequence[Part]) -> list[float]:
    """For each part the step from which later ones replace it."""
    starts = [part.start_step for part in parts]
    return [min(starts[place:], default=math.inf) for place in range(1, len(starts) + 1)]


def _until(frames: Iterator[Frame], end: float) -> Iterator[Frame]:
    # To its end in any case: what is said beside the frames comes with them.
    return (frame for frame in frames if frame.step < end)


def _joined(parts: Sequence[Sequence[Finding]], ends: Sequence[float]) -> list[Finding]:
    """The findings of all parts; those of parts that were left behind are over."""
    newest = list(parts[-1])
    earlier = [
        replace(finding, active=False)
        for findings, end in zip(parts[:-1], ends, strict=False)
        for finding in findings
        if finding.reported_step < end
    ]
    return newest + earlier


def _contained(_where: str, call: Callable[..., Any], *args: object, **kwargs: object) -> Any:  # noqa: ANN401  # of any rule
    # As live: a rule that fails costs its own symptom alone.
    try:
        return call(*args, **kwargs)
    except Exception:  # noqa: BLE001  # see above
        return None
