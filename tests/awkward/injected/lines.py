"""Interrupts what runs inside gradwidget, at any place where an interrupt can come."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import gradwidget

PACKAGE = str(Path(gradwidget.__file__).parent)


class Place(NamedTuple):
    """A line of gradwidget, or the beginning of a function."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{Path(self.file).relative_to(PACKAGE)}:{self.line} in {self.function}"


def places(call: Callable[[], object]) -> list[Place]:
    """Every place that a call comes through on this thread, in the order of the first arrivals."""
    seen: list[Place] = []
    with _told_of(seen.append):
        call()
    return list(dict.fromkeys(seen))


def interrupted_at(place: Place, call: Callable[[], object]) -> bool:
    """Calls, and raises ``KeyboardInterrupt`` on the first arrival at a place.

    Returns:
        Whether the interrupt was raised.
    """
    raised = False

    def arrive(here: Place) -> None:
        nonlocal raised
        if here == place and not raised:
            raised = True
            raise KeyboardInterrupt(str(place))

    with suppress(KeyboardInterrupt), _told_of(arrive):
        call()
    return raised


@contextmanager
def _told_of(arrive: Callable[[Place], object]) -> Iterator[None]:
    def trace(frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE):
            return None
        if event == "call" or (event == "line" and frame.f_lineno in _with_calls(code)):
            arrive(Place(code.co_filename, frame.f_lineno, code.co_name))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@cache
def _with_calls(code: CodeType) -> frozenset[int]:
    """Lines on which Python looks for an interrupt: those that call something, or loop.

    Between two plain assignments, or before a ``try``, it does not look.
    """
    starts = dict(dis.findlinestarts(code))
    found, line = set(), code.co_firstlineno
    for instruction in dis.get_instructions(code):
        line = starts.get(instruction.offset) or line
        if instruction.opname.startswith(("CALL", "JUMP_BACKWARD", "JUMP_ABSOLUTE")):
            found.add(line)
    return frozenset(found)
