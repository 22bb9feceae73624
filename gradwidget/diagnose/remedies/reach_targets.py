"""Let outputs reach their targets."""

from __future__ import annotations

from gradwidget.diagnose.evidence.residual import below_reach, out_of_reach
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import without_last


def reach_targets(window: Window) -> Remedy | None:
    """Takes the last function with bounds out of the model; None where nothing is out of reach."""
    out, below = out_of_reach(window), below_reach(window)
    if below is not None:
        return Remedy(
            title=f"Remove the {below[0]} from the outputs",
            why="A regression ends in a linear layer, which can give any number.",
            code=without_last(below[0]),
        )
    if out is None:
        return None
    return Remedy(
        title=f"Remove the {out.function} from the outputs",
        why="A regression ends in a linear layer, which can give any number. To keep the "
        f"{out.function}, scale the targets into {out.bounds}, and predictions back.",
        code=without_last(out.function),
    )
