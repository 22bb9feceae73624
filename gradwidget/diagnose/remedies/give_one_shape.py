"""Give outputs and targets one shape."""

from __future__ import annotations

from gradwidget.diagnose.evidence.obstacle import EVERY_PAIR
from gradwidget.diagnose.finding import Remedy
from gradwidget.frame import Wiring


def give_one_shape(wiring: Wiring) -> Remedy | None:
    """Says how; None where they have one. Only a change of the code can do it."""
    if "unlike shapes" not in wiring.obstacles:
        return None
    given, made = wiring.obstacles["unlike shapes"]
    return Remedy(
        title=EVERY_PAIR.title,
        why=f"Look at both shapes before the loss, here {given} of the outputs: as {made}, the "
        "best output for all targets at once is their mean. Use output.squeeze(1) or "
        "target.unsqueeze(1), whichever fits, or criterion(output.view_as(target), target).",
        code="",
    )
