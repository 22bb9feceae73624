"""Targets between 0 and 1."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def give_probabilities(low: float, high: float) -> Remedy:
    """Says how; only a person knows what the numbers mean.

    Args:
        low: the least target.
        high: the greatest.
    """
    if low < 0:
        how = "y = (y > 0).float()"
    else:
        above = f"(y - {low:.4g})" if low > 0 else "y"
        how = f"y = {above} / {high - low:.4g}"
    return Remedy(
        title="Bring the targets to 0 … 1",
        why=f"Look where the targets are made: {how}, if they are a mask or two labels. Numbers "
        "of several classes belong in a cross-entropy, amounts in a squared error.",
        code="",
    )
