"""The last stop of every message: text that a page, or an encoder, could not cope with."""

from __future__ import annotations

from typing import TypeVar

from gradwidget.wording import visible_lines

T = TypeVar("T")


def sendable(message: T) -> T:
    r"""A message whose texts have what cannot be seen written out.

    Names and messages come from models, users and exceptions. Half a surrogate pair among them
    would make every message that has it impossible to encode.

    Example:
        >>> sendable({"layer": "fc", "layers": ["a" + chr(0x200B)]})
        {'layer': 'fc', 'layers': ['a\\u200b']}
    """
    return _written_out(message)  # type: ignore[return-value]  # of the same shape


def _written_out(part: object) -> object:
    if isinstance(part, str):
        return visible_lines(part)
    if isinstance(part, dict):
        return {key: _written_out(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_written_out(one) for one in part]
    return part
