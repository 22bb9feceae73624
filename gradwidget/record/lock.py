"""A lock that is free in a forked child, whichever thread held it in the parent."""

from __future__ import annotations

import os
import threading
from types import TracebackType


class ReaderLock:
    """Held while a frame is recorded, and while what belongs together is read; reentrant.

    A thread that reads for a picture may hold it while another one forks the process. In the child
    that thread is gone, and nobody would ever release it: there a new one takes its place.

    Example:
        >>> lock = ReaderLock()
        >>> with lock, lock:
        ...     pass
    """

    def __init__(self) -> None:
        self._of: tuple[int, threading.RLock] = os.getpid(), threading.RLock()

    def __enter__(self) -> None:
        process = os.getpid()
        if self._of[0] != process:
            self._of = process, threading.RLock()
        self._of[1].acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._of[1].release()
