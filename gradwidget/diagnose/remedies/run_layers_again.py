"""Have ``forward`` run again what it has run before."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def run_layers_again(since: int) -> Remedy:
    """Says where to look; only a change of the model can do it.

    Args:
        since: the first step in which the layers did not run any more.
    """
    return Remedy(
        title="See that forward() runs them again",
        why=f"They ran before step {since:,}. Look for a branch that is no longer taken; where a "
        "router chooses among experts and now sends everything to a few of them, add a loss that "
        "balances their load, or noise to its scores while it trains.",
        code="",
    )
