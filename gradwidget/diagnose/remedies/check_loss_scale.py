"""A loss whose gradient is next to nothing, whatever the rate."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def check_loss_scale() -> Remedy:
    """Says where to look; only the loop knows what its loss should be."""
    return Remedy(
        title="Look at the scale of the loss",
        why="Look where the loss is made for a factor that makes it tiny: a weight, a mean over "
        "more than the batch, a division that is done twice. No usual rate makes up for that, and "
        "Adam's eps (1e-8) swallows gradients that are smaller.",
        code="",
    )
