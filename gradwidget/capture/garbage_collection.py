"""Work during which Python does not look for garbage."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def uncollected(work: Callable[P, R]) -> Callable[P, R]:
    """Makes a function do its work without a collection of garbage, whatever ends it.

    For work that makes many objects which stay: the more there are, the more often all objects of
    the process are searched, and the longer each search takes, for garbage that is not there. What
    is made and dropped meanwhile goes at once, as ever; cycles wait. Other threads do not collect
    either. Where a user has switched collections off, they stay off.

    Example:
        >>> uncollected(gc.isenabled)(), gc.isenabled()
        (False, True)
    """

    @wraps(work)
    def done(*args: P.args, **kwargs: P.kwargs) -> R:
        # Within one function: an interrupt at the edges of a context manager could leave it off.
        is_collecting = gc.isenabled()
        try:
            gc.disable()
            return work(*args, **kwargs)
        finally:
            if is_collecting:
                gc.enable()

    return done
