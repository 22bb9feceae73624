"""Who could resume a paused loop: without anybody, it is not paused."""

from __future__ import annotations

import gc
import sys
import threading
from types import FrameType

OWN_THREAD = (
    "Not paused: only the thread that trains has asked, and once paused it could not resume "
    'itself. Ask from another thread, or use on_finding="breakpoint".'
)


class Resumers:
    """Knows the ways to resume: other threads that have asked for something, and pages.

    Example:
        >>> resumers = Resumers()
        >>> resumers.asked()
        >>> resumers.refusal(trains=threading.get_ident())[:10]
        'Not paused'
        >>> resumers.refusal(trains=-1) is None
        True
    """

    def __init__(self) -> None:
        self.patience = 0.0
        """Seconds that a paused loop waits for a page to show that it can resume."""
        self._refusal = OWN_THREAD
        self._threads: dict[int, threading.Thread] = {}
        self._page_threads: set[int] = set()

    def expect_page(self, refusal: str, patience: float) -> None:
        """Says what kind of page there may be.

        Args:
            refusal: why nothing is paused as long as no page can resume, and what to do, in a
                sentence.
            patience: seconds to wait for a page that is only just opening; 0 where none can.
        """
        self._refusal, self.patience = refusal, patience

    def asked(self) -> None:
        """The current thread asks for something, so it could ask for the loop to be resumed."""
        self._threads = {
            ident: known for ident, known in self._threads.items() if known.is_alive()
        } | {threading.get_ident(): threading.current_thread()}

    def page_answers(self) -> None:
        """A message from a page arrives on the current thread.

        Off the main thread it is a channel that works while a cell runs: whichever page opens next
        has it too, so this is proof for good. Where cells themselves run off the main thread, as
        in ``marimo run``, a message that came on theirs is none.
        """
        self.asked()
        if threading.current_thread() is not threading.main_thread():
            self._page_threads.add(threading.get_ident())

    def give_up_on_page(self) -> None:
        """No page came within the time that it was given; until one does, none is waited for."""
        self.patience = 0.0

    def refusal(self, trains: int) -> str | None:
        """Why nobody could resume a loop on the thread with this identifier; None if somebody can.

        A thread counts while it is alive and does not itself wait for the one that trains.
        """
        if self._page_threads - {trains}:
            return None
        if any(
            ident != trains and one.is_alive() and not _waits_for(trains, ident)
            for ident, one in list(self._threads.items())
        ):
            return None
        return self._refusal


def _waits_for(trains: int, ident: int) -> bool:
    """Whether a thread joins the one that trains."""
    frame = _frame_of(ident)
    while frame is not None:
        if frame.f_code.co_name == "join" and frame.f_globals.get("__name__") == "threading":
            joined = frame.f_locals.get("self")
            if isinstance(joined, threading.Thread) and joined.ident == trains:
                return True
        frame = frame.f_back
    return False


def _frame_of(ident: int) -> FrameType | None:
    """What a thread is at; None where it has ended."""
    # Up to Python 3.11 a collection of garbage that begins inside the call may lock up the whole
    # process for good (python/cpython#106883).
    is_collecting = gc.isenabled()
    try:
        gc.disable()
        return sys._current_frames().get(ident)  # noqa: SLF001  # documented, underscore and all
    finally:
        if is_collecting:
            gc.enable()
