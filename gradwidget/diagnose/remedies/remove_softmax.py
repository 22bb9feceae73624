"""Give the loss the output from before the softmax or sigmoid."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import caller, without_last
from gradwidget.frame import Wiring


def remove_softmax(wiring: Wiring) -> Remedy:
    """Takes the module out of the model that is it; else says where it is called."""
    why = (
        "CrossEntropyLoss and BCEWithLogitsLoss expect logits and apply it themselves; "
        "for predictions, apply it outside of the model."
    )
    title = "Remove the last softmax or sigmoid"
    if "squashed" not in wiring.obstacles:
        return Remedy(title=title, why=why, code=without_last("softmax", "sigmoid"))
    function, *_ = wiring.obstacles["squashed"]
    where, code = caller(wiring)
    return Remedy(title=f"Remove the last {function}", why=f"{where} {why}", code=code)
