"""Numbers and names in the words of a message."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def shown(value: float) -> str:
    """A number with two significant digits that reads easily.

    Example:
        >>> shown(0.00314), shown(41234.0), shown(3.51e10), shown(2.44e-9), shown(1.0)
        ('0.0031', '41,000', '35 billion', '2.4×10⁻⁹', '1')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.2g}")
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if size <= abs(rounded) < 1000 * size:
            return f"{rounded / size:g} {word}"
    if not 1e-4 <= abs(rounded) < 1e6:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{digits}×10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:g}"


def times_less(share: float) -> str:
    """A share of less than one the other way round: ``"35 billion times less"``.

    ``"no"`` for a share of 0.

    Example:
        >>> times_less(1 / 3.5e10), times_less(0.0)
        ('35 billion times less', 'no')
    """
    return f"{shown(1 / share)} times less" if share > 0 else "no"


def names(layers: Sequence[str], most: int = 3) -> str:
    """Layer names in a sentence, the rest as a number: ``"fc1, fc2 and 3 more"``.

    Names that are mere numbers are said to be layers.

    Example:
        >>> names(["a"]), names(["a", "b"]), names(["a", "b", "c", "d", "e"])
        ('a', 'a and b', 'a, b, c and 2 more')
        >>> names(["0"]), names(["0", "2"])
        ('layer 0', 'layers 0 and 2')
    """
    shown = list(layers[:most])
    rest = len(layers) - len(shown)
    kind = ("layers " if len(layers) > 1 else "layer ") if all(map(str.isdecimal, shown)) else ""
    if rest:
        return f"{kind}{', '.join(shown)} and {rest} more"
    return kind + (shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}")


def not_installed(package: str) -> str:
    """What to say where a framework or a client is missing, by the name that pip knows it under.

    Example:
        >>> not_installed("wandb")
        'this needs wandb, which is not installed: pip install wandb'
    """
    return f"this needs {package}, which is not installed: pip install {package}"


UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that show nothing themselves: control and format characters (among them
those that turn the direction of writing), halves of surrogate pairs, separators of lines."""


def cut(text: str, most: int) -> str:
    """Text of at most ``most`` characters; a longer one ends in a sign that says so.

    Example:
        >>> cut("encoder.layers.0", 10), cut("head", 10)
        ('encoder.l…', 'head')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def visible(text: str) -> str:
    r"""Text of a model or a user on one line, with characters that show nothing written out.

    They would steer a terminal, turn the text around them, or let two names look the same; half a
    surrogate pair cannot be encoded at all.

    Example:
        >>> print(visible("fc" + chr(0x202E) + "1"), visible("слой 1"))
        fc\u202e1 слой 1
    """
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in UNSEEN else char
        for char in text
    )


def visible_lines(text: str) -> str:
    r"""The same of text that may have several lines, such as code or a traceback.

    Example:
        >>> print(visible_lines("a\n" + chr(0x200B) + "b"))
        a
        \u200bb
    """
    if text.isprintable():
        return text
    return "\n".join(visible(line) for line in text.expandtabs(4).split("\n"))
