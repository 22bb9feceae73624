"""Training mode."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def train_mode() -> Remedy:
    """Switches the model to training mode."""
    return Remedy(
        title="Switch to training mode",
        why="model.eval() before an evaluation needs model.train() after it: dropout is then on, "
        "and batch norm uses and updates the statistics of the batch.",
        code="""\
model.train()  # in the loop: at the start of each epoch, after every evaluation
""",
    )
