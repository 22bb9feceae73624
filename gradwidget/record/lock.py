"""Locks that are free in a forked child, whichever thread held them in the parent."""

from __future__ import annotations

import os
import sys
import threading
from typing import Protocol
from weakref import WeakSet


class Locked(Protocol):
    """Has a lock, held while it is added to and while what belongs together is read."""

    lock: threading.RLock


_locked: WeakSet[Locked] = WeakSet()


def free_when_forked(owner: Locked) -> None:
    """Gives the owner another lock in each process that is forked from this one.

    A thread that reads for a picture may hold it while another one forks the process. In the child
    that thread is gone, and nobody would ever release it.

    The lock itself is Python's own: an interrupt can come between any two lines of Python, so that
    one with an ``__enter__`` written in it might be taken and then never released.
    """
    _locked.add(owner)


def _free() -> None:
    for owner in _locked:
        owner.lock = threading.RLock()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_free)
