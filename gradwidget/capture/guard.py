"""Contains every failure of gradwidget, and times every entry, so that the loop sees neither."""

from __future__ import annotations

import functools
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from torch import is_grad_enabled
from torch.compiler import is_compiling

from gradwidget.capture.torch_private import (
    dispatch_modes,
    function_modes,
    is_tracing,
    put_back,
    with_subclasses,
    without_modes,
    without_subclasses,
)
from gradwidget.problem import Problem

P = ParamSpec("P")
R = TypeVar("R")

STRIKES = 3
"""Failures in one place after which it is switched off."""


class Guard:
    """Keeps failures from the training loop, and adds up the time that gradwidget spends.

    An ``Exception`` becomes a ``Problem``, once per place; after three in the same place the place
    is switched off. ``KeyboardInterrupt`` passes: it is the user's.

    Example:
        >>> guard = Guard()
        >>> guard.run("dividing", lambda: 1 / 0)
        >>> guard.problems[0].where, guard.is_off("dividing")
        ('dividing', False)
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.spent = 0.0
        """Seconds spent inside guarded entries so far, plus what was charged from elsewhere."""
        self.step = 0
        """The step under way, for the record."""
        self.entered = 0.0
        """When the entry under way began; 0 outside of one."""
        self.strikes: Counter[str] = Counter()
        """How often each place has failed."""
        self.thread: int | None = None
        """The thread that trains the model; None as long as that is not known."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether this is another thread than the one that trains: it is not ours to look at."""
        return self.thread is not None and self.thread != threading.get_ident()

    def spent_until_now(self) -> float:
        """``spent`` with what the entry under way has taken so far."""
        return self.spent + (perf_counter() - self.entered if self.entered else 0.0)

    def is_off(self, where: str) -> bool:
        """Whether ``where`` has failed so often that it is no longer tried."""
        return self.strikes[where] >= STRIKES

    def run(self, where: str, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        """The result of ``call``; None where it failed or is switched off."""
        if self.strikes and self.is_off(where):
            return None
        try:
            return call(*args, **kwargs)
        except Exception:  # noqa: BLE001  # whatever failed here must not reach the user's loop; it is kept as a Problem
            self.failed(where)
            return None

    def ask(self, where: str, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        """As ``run``, for a function of the user's: tensors of their classes act as always."""
        with with_subclasses():
            return self.run(where, call, *args, **kwargs)

    def failed(self, where: str) -> None:
        """Keeps the exception being handled as a problem; the third says that the place is off."""
        self.strikes[where] += 1
        if self.strikes[where] == 1:
            self.note(where, f"{where} failed; training goes on", traceback.format_exc())
        elif self.is_off(where):
            message = f"{where} failed {STRIKES} times and is switched off; training goes on"
            self.note(where, message, traceback.format_exc(), is_off=True)

    def note(self, where: str, message: str, trace: str = "", *, is_off: bool = False) -> None:
        """Keeps a problem, unless the same was kept before."""
        if all((known.where, known.message) != (where, message) for known in self.problems):
            self.problems.append(Problem(where, message, trace, self.step, is_off))


class Guarded(Protocol):
    """Anything whose methods can be entries."""

    guard: Guard


S = TypeVar("S", bound=Guarded)
Method = Callable[Concatenate[S, P], None]


def entry(where: str, *, any_thread: bool = False) -> Callable[[Method[S, P]], Method[S, P]]:
    """Makes a method safe to be called from the user's loop.

    It is timed and contained, absent from compiled and traced code, and does nothing on a thread
    that is known to be another than the one that trains.

    Args:
        where: what the method does, such as ``"reading the gradients"``.
        any_thread: run it on other threads too: it tells by itself what is its own.
    """

    def wrap(method: Method[S, P]) -> Method[S, P]:
        @functools.wraps(method)
        def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
            # What notes the operations of a forward must find none of ours among them.
            if is_compiling() or is_tracing() is not None:
                return
            guard = self.guard
            # Written out, as it is asked at every entry.
            elsewhere = guard.thread is not None and guard.thread != threading.get_ident()
            if (elsewhere and not any_thread) or (guard.strikes and guard.is_off(where)):
                return
            # The time of an entry inside another one is that of the outer one already.
            is_timed = not (guard.entered or elsewhere)
            started = perf_counter()
            if is_timed:
                guard.entered = started
            had_grad = is_grad_enabled()
            plain = without_subclasses()
            try:
                # A tensor of a user's class would run their code for what we read of it, and a mode
                # of theirs would count our operations as the model's, or let none be real.
                with plain:
                    if dispatch_modes() or function_modes():
                        without_modes(method, self, *args, **kwargs)
                    else:
                        method(self, *args, **kwargs)
            except BaseException as failure:
                put_back(plain, had_grad=had_grad)
                if not isinstance(failure, Exception):
                    raise
                guard.failed(where)
            finally:
                if is_timed:
                    guard.spent += perf_counter() - started
                    guard.entered = 0.0

        return guarded

    return wrap


class WayIn(Guarded, Protocol):
    """Anything with a method that torch calls directly."""

    where: str


W = TypeVar("W", bound=WayIn)


def way_in(
    method: Callable[Concatenate[W, P], R],
) -> Callable[Concatenate[W, P], R | None]:
    """Contains a method that torch calls very often: what it calls in turn is an entry, and timed.

    What it raises is kept as a problem of the object's ``where``; after three it is off.
    """

    @functools.wraps(method)
    def contained(self: W, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        guard = self.guard
        if guard.strikes and guard.is_off(self.where):
            return None
        try:
            return method(self, *args, **kwargs)
        except Exception:  # noqa: BLE001  # see Guard.run
            guard.failed(self.where)
            return None

    return contained
