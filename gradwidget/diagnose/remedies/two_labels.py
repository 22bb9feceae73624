"""A judge whose targets do not tell what is real from what is made."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def two_labels(label: float) -> Remedy:
    """Says what to change in the loop; only it knows what is real.

    Args:
        label: that of all targets so far.
    """
    return Remedy(
        title="Give what is real and what is made different targets",
        why=f"Every target of the network that judges was {label:g}. Where it is trained, hold "
        "what is real against ones, criterion(judge(real), ones), and what the other network makes "
        "against zeros, criterion(judge(made.detach()), zeros). Only where that other network is "
        "trained is what it makes held against ones.",
        code="",
    )
