"""Look at inputs together with their targets."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def check_pairs() -> Remedy:
    """Says where to look where the network is sound and nothing is learned."""
    return Remedy(
        title="Look at a batch with its targets",
        why="Look at one batch as the model and the loss get it: does each target belong to its "
        "input, does a mask leave out what it should (True leaves out in torch's attention), are "
        "the dimensions in the order that each layer expects (batch_first), is the temperature one "
        "to divide by? Then train on that one batch alone: a sound model learns it by heart.",
        code="",
    )
