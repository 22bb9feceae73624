"""The loop is paused between two steps, and resumed from another thread, or by nobody."""

# every extra has the same methods, and few use all that they are given
from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from torch import Tensor

from tests.torture.extra import Extra, extra
from tests.torture.kinds.callbacks import boom
from tests.torture.watch import Watcher

ELSEWHERE = ("manual", "in_backward", "one_thread_each", "compiled_model", "threads", "dropped")


class Pausing(Extra):
    """A second thread pauses the loop again and again, and does something while it is paused."""

    steps: ClassVar[int] = 14
    times: ClassVar[int] = 3
    without: ClassVar[tuple[str, ...]] = (
        *(*ELSEWHERE, "callbacks", "faults", "remedies", "pages", "memory", "pauses"),
    )

    def prepare(self) -> None:
        self._ended = threading.Event()
        self.pauses = 0

    def begin(self) -> None:
        if self.run.watcher is not None:
            self._thread = threading.Thread(target=self._pause, args=(self.run.watcher,))
            self._thread.start()

    def before(self, step: int) -> None:
        if self.run.watcher is not None and step > 2:
            time.sleep(0.001)  # the other thread gets to ask

    def _pause(self, watcher: Watcher) -> None:
        try:
            for _ in range(self.times):
                self.ask(watcher)
                while watcher.control.gate.state.mode != "paused":
                    if self._ended.is_set():
                        return
                    time.sleep(0.0005)
                self.pauses += 1
                self.meanwhile(watcher)
        except Exception as error:  # noqa: BLE001  # whatever a user would have met
            self.run.complaints.append(f"asking to pause: {error!r}")
        finally:
            self.resume(watcher)

    def ask(self, watcher: Watcher) -> None:
        """Asks for the loop to be paused."""
        watcher.control.pause()

    def meanwhile(self, watcher: Watcher) -> None:
        """The loop is paused."""
        watcher.monitor.report()
        watcher.monitor.inspect(watcher.monitor.layers[0].name)
        watcher.control.resume()

    def resume(self, watcher: Watcher) -> None:
        """Nothing more is asked."""
        watcher.control.resume()

    def end(self) -> None:
        self._ended.set()
        if self.run.watcher is not None:
            self._thread.join(10)


@extra
class PausedAndResumed(Pausing):
    """Paused and resumed by another thread."""


@extra
class SteppedByHand(Pausing):
    """Two steps at a time."""

    def ask(self, watcher: Watcher) -> None:
        watcher.control.step(2)

    def meanwhile(self, watcher: Watcher) -> None:
        """Steps on from where it is paused."""


@extra
class ClosedWhilePaused(Pausing):
    """The monitor is closed while the loop is paused."""

    times: ClassVar[int] = 1
    ends_early: ClassVar[bool] = True

    def meanwhile(self, watcher: Watcher) -> None:
        watcher.close()


@extra
class InterruptedWhilePaused(Pausing):
    """An interrupt ends the hold, as it ends whatever else a cell does."""

    times: ClassVar[int] = 1
    has_bits: ClassVar[bool] = False
    has_figures: ClassVar[bool] = False
    has_all_frames: ClassVar[bool] = False

    def prepare(self) -> None:
        super().prepare()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def meanwhile(self, watcher: Watcher) -> None:
        del watcher
        os.kill(os.getpid(), signal.SIGINT)

    def resume(self, watcher: Watcher) -> None:
        """Nothing is to be resumed: the interrupt has done it."""

    def complaints(self) -> Iterator[str]:
        raised = [one for one in self.run.seen if one[1] == "raised"]
        if self.pauses and [one[2] for one in raised] != ["KeyboardInterrupt"]:
            yield f"raised: {raised}"


@extra
class OnControlRaisesInPause(Pausing):
    """What is called when the loop is paused raises."""

    breaks: ClassVar[bool] = True

    def begin(self) -> None:
        if self.run.watcher is not None:
            self.run.watcher.session.on_control.append(boom)
        super().begin()


@extra
class PausedInAScript(Extra):
    """A script asks for a pause itself, and there is nobody who could resume."""

    alone: ClassVar[bool] = True
    breaks: ClassVar[bool] = True  # it may say that nobody could resume
    watches: ClassVar[tuple[str, ...]] = ("full", "widget")

    def before(self, step: int) -> None:
        watcher = self.run.watcher
        if watcher is not None and step == 1:
            with suppress(ValueError):  # it may say that nobody could resume
                (watcher.widget or watcher.control).pause()


@extra
class SteppedInAScript(Extra):
    """A script asks for one step at a time, and there is nobody who could resume."""

    alone: ClassVar[bool] = True
    breaks: ClassVar[bool] = True  # it may say that nobody could resume
    watches: ClassVar[tuple[str, ...]] = ("full", "widget")

    def before(self, step: int) -> None:
        watcher = self.run.watcher
        if watcher is not None and step == 1:
            with suppress(ValueError):  # as above
                (watcher.widget or watcher.control).step(1)


@extra
class PauseOnFindingInAScript(Extra):
    """A widget is told to pause on findings, in a script without a page; a loss is NaN."""

    alone: ClassVar[bool] = True
    breaks: ClassVar[bool] = True  # it may say that nobody could resume
    has_figures: ClassVar[bool] = False
    watches: ClassVar[tuple[str, ...]] = ("widget",)

    def options(self) -> Mapping[str, Any]:
        return {"on_finding": "pause"} if self.run.watch == "widget" else {}

    def loss(self, step: int, loss: Tensor) -> Tensor:
        return loss * math.nan if step == 2 else loss
