"""Let outputs reach their targets."""

from __future__ import annotations

from gradwidget.diagnose.evidence.regression_error import beyond_reach, out_of_reach
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import without_last


def reach_targets(window: Window) -> Remedy | None:
    """Takes the last function with bounds out of the model; None where nothing is out of reach."""
    beyond, out = beyond_reach(window), out_of_reach(window)
    found = beyond or out
    if found is None:
        return None
    why = "A regression ends in a linear layer, which can give any number."
    is_clamp = found.function.startswith("clamp")
    if is_clamp:
        why += " Look where the outputs are clamped: what lies beyond the bound gets no gradient."
    if beyond is None and out is not None:
        why += (
            f" To keep the {out.function}, scale the targets into {out.bounds}, and predictions "
            "back."
        )
    return Remedy(
        title=f"Remove the {found.function} from the outputs",
        why=why,
        code="" if is_clamp else without_last(found.function),
    )
