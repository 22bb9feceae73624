"""Refreshes the picture at its own pace.

Training says that something is new; a thread of its own shows it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

FASTEST = 1 / 12
"""Seconds between two ticks at least: a reader sees no more, and a browser must not be flooded."""

SLOWEST = 1.0
"""Seconds between two ticks at most while something is new, however expensive a tick is."""

IDLE = 1.0
"""Seconds after which the thread checks whether it is still needed, though nothing is new."""


class Ticker:
    """Calls ``tick`` from a thread of its own soon after ``wake``, as often as the budget allows.

    However often ``wake`` is called, a last tick always follows the last call.

    Args:
        tick: draws what is new; it must not raise.
        alive: False once no tick will be needed any more; the thread then ticks a last time and
            ends.
        behind: whether a tick is needed though nobody said that something is new.
        ended: called by the thread at its end, unless ``close`` has ended it.
        charge: told the processor seconds of each tick.
        share: share of the time that ticks may take; None for as many as ``FASTEST`` allows.
    """

    def __init__(
        self,
        tick: Callable[[], None],
        *,
        alive: Callable[[], bool],
        behind: Callable[[], bool] = lambda: False,
        ended: Callable[[], None] = lambda: None,
        charge: Callable[[float], None],
        share: float | None,
    ) -> None:
        self._tick = tick
        self._alive = alive
        self._behind = behind
        self._ended = ended
        self._charge = charge
        self._share = share
        # A queue that may be told of something by a finalizer, wherever that runs.
        self._news: SimpleQueue[None] = SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gradwidget-view", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something is new. Cheap; for any thread, and for a finalizer."""
        self._news.put(None)

    def close(self) -> None:
        """Ticks a last time and ends the thread; returns when it has ended."""
        self._closing.set()
        self.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set() and self._alive():
            if not (self._is_woken() or self._behind()):
                continue
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
        if not self._closing.is_set():
            self._ended()

    def _is_woken(self) -> bool:
        """Waits until something is new, for ``IDLE`` at most."""
        try:
            self._news.get(timeout=IDLE)
        except Empty:
            return False
        while not self._news.empty():
            self._news.get()
        return True

    def _pause(self, took: float) -> float:
        if self._share is None:
            return FASTEST
        return min(max(FASTEST, took / self._share), SLOWEST)
