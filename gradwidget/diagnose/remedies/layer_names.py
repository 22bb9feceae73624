"""Layer names as Python source, for the code of a remedy."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable


def listing(names: Iterable[str]) -> str:
    """The names as a list, on several lines where one is too short.

    Example:
        >>> print(listing(["fc1", "fc2"]))
        ["fc1", "fc2"]
    """
    quoted = [quote("" if name == "(root)" else name) for name in names]
    line = ", ".join(quoted)
    if len(line) <= 70:
        return f"[{line}]"
    body = textwrap.wrap(line, 86, break_long_words=False, break_on_hyphens=False)
    return "[\n" + "".join(f"    {part}\n" for part in body) + "]"


def quote(name: str) -> str:
    """The name as a Python string; double quotes, as formatters write them."""
    return f'"{name}"' if name.isprintable() and not set(name) & set('\\"') else repr(name)
