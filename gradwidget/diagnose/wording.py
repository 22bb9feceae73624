"""Numbers and names in the words of a message."""

from __future__ import annotations

from collections.abc import Sequence


def figure(value: float) -> str:
    """A number with two significant digits that reads easily: ``"0.0031"``, ``"2.4e-09"``, ``"41,000"``.

    Example:
        >>> figure(0.00314), figure(41234.0), figure(2.44e-9), figure(1.0)
        ('0.0031', '41,000', '2.4e-09', '1')
    """
    if value == 0 or not 1e-4 <= abs(value) < 1e7:
        return f"{value:.2g}"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:g}"


def names(layers: Sequence[str], most: int = 3) -> str:
    """Layer names in a sentence, the rest as a number: ``"fc1, fc2 and 3 more"``.

    Example:
        >>> names(["a"]), names(["a", "b"]), names(["a", "b", "c", "d", "e"])
        ('a', 'a and b', 'a, b, c and 2 more')
    """
    shown = list(layers[:most])
    rest = len(layers) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
