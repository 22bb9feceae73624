"""Reads values of an expected type from JSON that may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from gradwidget.run.format.limits import LONGEST_TEXT, MESSAGE_BYTES, MESSAGE_PARTS, MOST_STEP
from gradwidget.wording import cut

T = TypeVar("T")
Fields = Mapping[str, object]


class UnreadableError(ValueError):
    """A message that does not hold what it should."""


def parsed(data: bytes) -> Fields:
    """The object that a message is.

    Raises:
        UnreadableError: it is none, or it would take more memory than a message may.
    """
    parts = parts_of(data)
    if len(data) > MESSAGE_BYTES or parts > MESSAGE_PARTS:
        message = f"a message of {len(data):,} bytes and {parts:,} parts"
        raise UnreadableError(message)
    try:
        return mapping(json.loads(data))
    except (ValueError, RecursionError) as error:
        message = f"no JSON: {error}"
        raise UnreadableError(message) from None


def parts_of(data: bytes) -> int:
    """About how many values a message has."""
    return sum(data.count(sign) for sign in (b",", b"[", b"{"))


def _wrong(value: object, expected: str) -> UnreadableError:
    return UnreadableError(f"{expected} expected, not {type(value).__name__}")


def mapping(value: object, most: int | None = None) -> Fields:
    """An object of at most ``most`` members."""
    if not isinstance(value, dict):
        raise _wrong(value, "an object")
    if most is not None and len(value) > most:
        message = f"{len(value):,} members where {most:,} are the most"
        raise UnreadableError(message)
    return value


def listing(value: object, read: Callable[[object], T], most: int) -> tuple[T, ...]:
    """The items of a list, at most ``most``, each read by a function."""
    if not isinstance(value, list):
        raise _wrong(value, "a list")
    if len(value) > most:
        message = f"a list of {len(value):,} where {most:,} are the most"
        raise UnreadableError(message)
    return tuple(read(one) for one in value)


def text(value: object, most: int = LONGEST_TEXT) -> str:
    """Text, cut where it is too long."""
    if not isinstance(value, str):
        raise _wrong(value, "text")
    return cut(value, most)


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(value, "true or false")
    return value


def whole(value: object, most: int = MOST_STEP) -> int:
    """A whole number from 0 on."""
    if type(value) is not int:
        raise _wrong(value, "a whole number")
    if not 0 <= value <= most:
        message = f"a whole number up to {most:,} expected"
        raise UnreadableError(message)
    return value


def real(value: object) -> float:
    """A number; not finite ones are written as words."""
    if isinstance(value, str) and value in {"NaN", "Infinity", "-Infinity"}:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, "a number")
    try:
        return float(value)
    except OverflowError:
        raise _wrong(value, "a number of double precision") from None


def maybe(value: object, read: Callable[[object], T]) -> T | None:
    """The same, or None."""
    return None if value is None else read(value)


def one_of(value: object, known: tuple[T, ...]) -> T:
    """One of a few words."""
    if value not in known:
        message = f"not one of {', '.join(map(str, known))}"
        raise UnreadableError(message)
    return value
