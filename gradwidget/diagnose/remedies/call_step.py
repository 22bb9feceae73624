"""Call the optimizer's step in the loop."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def call_step(*, before_clearing: bool) -> Remedy:
    """Says where the call belongs; only a change of the loop can do it.

    Args:
        before_clearing: whether it is there, and comes when the gradients are gone.
    """
    if before_clearing:
        return Remedy(
            title="Clear the gradients before backward(), not after it",
            why="Look in the loop between loss.backward() and optimizer.step(): zero_grad() stands "
            "there, or gradients are clipped to 0. The order is zero_grad(), backward(), step().",
            code="",
        )
    return Remedy(
        title="Call optimizer.step() after backward()",
        why="backward() only computes gradients. Look in the loop, after loss.backward(): the line "
        "optimizer.step() (or scaler.step(optimizer)) is missing, or is never reached.",
        code="",
    )
