"""Refreshes the picture at its own pace: training says that something is new, a thread of its own
shows it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FASTEST = 1 / 12
"""Seconds between two ticks at least: a reader sees no more, and a browser must not be flooded."""

SLOWEST = 1.0
"""Seconds between two ticks at most while something is new, however dear a tick is."""

IDLE = 1.0
"""Seconds after which the thread looks whether it is still needed though nothing is new."""


class Ticker:
    """Calls ``tick`` from a daemon thread soon after ``wake``, never more often than the budget
    allows.

    However often ``wake`` is called, a last tick always follows the last call.

    Args:
        tick: draws what is new; it must not raise.
        alive: False once no tick will be needed any more; the thread then ticks a last time and
            ends.
        charge: told the processor seconds of each tick.
        share: share of the time that ticks may take; None for as many as ``FASTEST`` allows.
    """

    def __init__(
        self,
        tick: Callable[[], None],
        *,
        alive: Callable[[], bool],
        charge: Callable[[float], None],
        share: float | None,
    ) -> None:
        self._tick = tick
        self._alive = alive
        self._charge = charge
        self._share = share
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gradwidget-view", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something is new. Cheap; for any thread."""
        self._news.set()

    def close(self) -> None:
        """Ticks a last time and ends the thread; returns when it has ended."""
        self._closing.set()
        self._news.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set() and self._alive():
            if not self._news.wait(IDLE):
                continue
            self._news.clear()
            if self._closing.is_set():
                break
            # Processor time, not elapsed time: waiting for the interpreter costs the training loop
            # nothing.
            began = time.thread_time()
            self._tick()
            took = time.thread_time() - began
            self._charge(took)
            self._closing.wait(self._pause(took))
        self._tick()

    def _pause(self, took: float) -> float:
        if self._share is None:
            return FASTEST
        return min(max(FASTEST, took / self._share), SLOWEST)
