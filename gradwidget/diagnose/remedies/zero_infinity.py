"""Leave out targets that do not fit their input."""

from __future__ import annotations

import math

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy


def zero_infinity(window: Window) -> Remedy | None:
    """For an infinite loss of alignments; None where it is another, or NaN."""
    loss = window.frame.scalars.get("loss", 0.0)
    if not math.isinf(loss) or not window.wiring.is_of_alignments:
        return None
    return Remedy(
        title="Pass zero_infinity=True to ctc_loss",
        why="It is infinite where a target is longer than its input, counting a blank between "
        "equal neighbors. Look at input_lengths and target_lengths: leave such samples out, or let "
        "the network keep more time steps (less pooling over time).",
        code="",
    )
