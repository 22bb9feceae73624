"""Call the optimizer's step in the loop."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def call_step() -> Remedy:
    """Says where the call belongs; only a change of the loop can do it."""
    return Remedy(
        title="Call optimizer.step() after backward()",
        why="backward() only computes gradients. Look in the loop, after loss.backward(): the line "
        "optimizer.step() (or scaler.step(optimizer)) is missing, or is never reached.",
        code="",
    )
