"""A judge whose targets do not tell real samples from generated ones."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def two_labels(label: float) -> Remedy:
    """Says what to change in the loop; only it knows what is real.

    Args:
        label: that of all targets so far.
    """
    return Remedy(
        title="Give real and generated samples different targets",
        why=f"Every target of the network that judges was {label:g}. Look at the loss of its "
        "own step: it should compare the output for real samples with ones, criterion(judge(real), "
        "ones), and that for generated ones with zeros, criterion(judge(made.detach()), zeros). "
        "Only in the step of the network that generates them is the target one.",
        code="",
    )
