"""A failure inside gradwidget that was contained: recorded and shown, never raised into the loop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of failure; the same failure again is not reported twice."""

    where: str
    """What gradwidget was doing, such as ``"reading the gradients"``."""

    message: str
    """What a reader needs to know: what failed and what is no longer measured."""

    traceback: str
    """The traceback of the first occurrence, as text; empty where there was no exception."""

    step: int
    """The step at which it first happened."""
