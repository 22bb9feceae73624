"""A backward pass from a loss that has no graph: no parameter gets a gradient from it."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged


def loss_detached(window: Window, active: Finding | None) -> Detection | None:
    """A loss that is a leaf: a number made into a tensor again."""
    del active  # exact
    return flagged(
        window,
        "loss_is_leaf",
        "critical",
        "backward() is called on a tensor that no operation made: it has lost its "
        "connection to the model (as by .item(), .detach() or torch.tensor(loss)), and no "
        "parameter gets a gradient.",
        "None: such a pass cannot train anything of this model.",
    )
