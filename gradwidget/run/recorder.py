"""Records a run from the training loop: hands over there, writes on a thread of its own."""

from __future__ import annotations

import atexit
import os
import platform
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from numbers import Integral
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from weakref import WeakSet, finalize

from gradwidget.run.format.file_writer import FileWriter
from gradwidget.run.format.limits import MIB
from gradwidget.run.format.schemas import FORMAT
from gradwidget.run.news import News
from gradwidget.run.overviews import AskOverview
from gradwidget.run.parts import part_path
from gradwidget.run.recording import Recording, without_layers

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding
    from gradwidget.diagnose.thresholds import Thresholds
    from gradwidget.frame import Frame

FLUSH_SECONDS = 2.0
"""Seconds after which what was handed over is in the file."""
FLUSH_BYTES = 8 * MIB
"""Bytes handed over after which the thread does not wait for that."""
MOST_WAITING = 64 * MIB
"""Bytes that may wait to be written where the disk is slow; beyond, frames wait without what was
measured by layer."""
MOST_FRAMES_WAITING = 100_000
"""Frames that may wait; beyond, recording stops."""
MOST_LOSSES_WAITING = 1_000_000
"""Losses that may wait; beyond, the oldest are lost."""
PATIENCE = 20.0
"""Seconds that closing waits for the disk."""

_VALUE_BYTES = 5
"""Of one value of one layer: a float32, and whether it was measured."""


def run_data(model: str, start_step: int, thresholds: Thresholds) -> dict[str, object]:
    """What a run file says first: what is recorded, and by which versions."""
    torch = sys.modules.get("torch")  # to be named, not used
    return {
        "format": FORMAT,
        "versions": {
            "gradwidget": metadata.version("gradwidget"),
            "torch": str(getattr(torch, "__version__", "")),
            "python": platform.python_version(),
        },
        "model": model,
        "start_step": start_step,
        "began": time.time(),
        "thresholds": {
            name: int(value) if isinstance(value, Integral) else float(value)
            for name, value in asdict(thresholds).items()
        },
    }


class Recorder:
    """Records one run into a new file, or a new part beside it where there is one already.

    What it is given is in the file some seconds later, also where the interpreter ends meanwhile.
    Where the file can no longer be written it says so once, and does nothing from then on.

    Args:
        path: of the run's first file.
        about: what the file says first.
        news: what there is besides; asked on the thread that writes, and None once nobody can tell
            any more.
        stopped: told why recording has stopped, in a sentence; on any thread.
        charge: told the processor seconds that writing took.
        overview: summarizes the frames after a number of them; asked on the thread that writes.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        about: Mapping[str, object],
        *,
        news: Callable[[], News | None],
        stopped: Callable[[str], object],
        charge: Callable[[float], object],
        overview: AskOverview = lambda _: None,
    ) -> None:
        self._thread = _WriterThread(_new_file(path, about), news, stopped, charge, overview)
        # The thread holds no recorder: one that nobody holds any more ends it.
        self._finalizer = finalize(self, self._thread.end)
        self._finalizer.atexit = False

    def add(self, frame: Frame, findings: Sequence[Finding]) -> None:
        """Hands over a frame and the findings after it. For the training thread: it never waits."""
        self._thread.add(frame, findings)

    def add_losses(self, losses: Sequence[tuple[int, float]]) -> None:
        """Hands over steps and their losses. On any thread: it never waits."""
        self._thread.add_losses(losses)

    def end(self) -> None:
        """Nothing more will come. Does not wait, and may be called inside a finalizer."""
        self._thread.end()

    def close(self) -> None:
        """The same; returns when everything is in the file."""
        self._thread.close()


def _new_file(path: Path, about: Mapping[str, object]) -> FileWriter:
    """The file of the next part. Made in one go: another process may be about to do the same."""
    number = 1
    while (file := _made(part_path(path, number), about)) is None:
        number += 1
    return file


def _made(path: Path, about: Mapping[str, object]) -> FileWriter | None:
    try:
        return FileWriter(path, about)
    except FileExistsError:
        return None


class _WriterThread:
    """Takes frames out of a queue and writes them, in a daemon thread."""

    def __init__(
        self,
        file: FileWriter,
        news: Callable[[], News | None],
        stopped: Callable[[str], object],
        charge: Callable[[float], object],
        overview: AskOverview,
    ) -> None:
        self._file = file
        self._recording = Recording(file, overview)
        self._news = news
        self._stopped = stopped
        self._charge = charge
        self._waiting: deque[tuple[Frame, Sequence[Finding]]] = deque()
        self._losses: deque[tuple[int, float]] = deque(maxlen=MOST_LOSSES_WAITING)
        # How many bytes were put in, and taken out: each is counted by one thread alone.
        self._given = 0
        self._taken = 0
        self._asked = 0
        # A queue that may be told of something by a finalizer, wherever that runs.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._is_ending = False
        self.is_over = False
        """Whether nothing is written any more."""
        self._thread = threading.Thread(target=self._run, name="gradwidget-recorder", daemon=True)
        self._thread.start()
        _running.add(self)

    def add(self, frame: Frame, findings: Sequence[Finding]) -> None:
        if self.is_over or self._is_ending:
            return
        if len(self._waiting) >= MOST_FRAMES_WAITING:
            self._is_ending = True
            self._stop("the disk is too slow", frame.step)
            return
        if frame.metrics and self._given - self._taken > MOST_WAITING:
            frame = without_layers(frame)
        self._waiting.append((frame, findings))
        self._given += _size(frame)
        if self._given - self._asked > FLUSH_BYTES:
            self._asked = self._given
            self._wake.put(None)

    def add_losses(self, losses: Sequence[tuple[int, float]]) -> None:
        if not self.is_over:
            self._losses.extend(losses)

    def end(self) -> None:
        if not self.is_over:
            self._is_ending = True
            self._wake.put(None)

    def close(self) -> None:
        self.end()
        if self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)

    def forked(self) -> None:
        """In a forked child, which has no such thread, and whose file is its parent's."""
        self.is_over = True
        self._waiting.clear()
        self._losses.clear()

    def _run(self) -> None:
        try:
            while not self._is_ending:
                self._wait()
                self._write_waiting()
            self._write_waiting(is_last=True)
            self._file.finish()
        except OSError as error:
            self._stop(error.strerror or str(error), self._recording.step)
        except ValueError as error:  # more than a file may hold
            self._stop(str(error), self._recording.step)
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the user's program; it is told
            self._stop(f"{type(error).__name__}: {error}", self._recording.step)
        finally:
            self.is_over = True
            self._waiting.clear()
            self._losses.clear()
            self._file.close()
            _running.discard(self)

    def _wait(self) -> None:
        try:
            self._wake.get(timeout=FLUSH_SECONDS)
        except Empty:
            return
        while not self._wake.empty():
            self._wake.get()

    def _write_waiting(self, *, is_last: bool = False) -> None:
        began = time.thread_time()
        for _ in range(len(self._waiting)):
            frame, findings = self._waiting.popleft()
            self._recording.add(frame, findings)
            self._taken += _size(frame)
        news = self._news()  # which may bring losses
        self._recording.add_losses([self._losses.popleft() for _ in range(len(self._losses))])
        self._recording.flush(news, is_last=is_last)
        self._charge(time.thread_time() - began)

    def _stop(self, why: str, step: int) -> None:
        self._stopped(f"Recording stopped at step {step:,}: {why}")


def _size(frame: Frame) -> int:
    """Bytes of what was measured by layer."""
    return len(frame.metrics) * len(frame.layers) * _VALUE_BYTES


_running: WeakSet[_WriterThread] = WeakSet()


def _finish_all() -> None:
    for thread in list(_running):
        thread.close()


def _forget_all() -> None:
    for thread in list(_running):
        thread.forked()
    _running.clear()


atexit.register(_finish_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
