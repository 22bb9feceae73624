"""Give the loss the output from before the softmax or sigmoid."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.function_call import function_call
from gradwidget.frame import Wiring


def remove_softmax(wiring: Wiring) -> Remedy:
    """Takes the module out of the model that is it; else says where it is called."""
    function, *_ = wiring.obstacles["squashed"]
    where, code = function_call(wiring)
    return Remedy(
        title=f"Remove the last {function}",
        why=f"{where} CrossEntropyLoss and BCEWithLogitsLoss expect logits and apply it "
        "themselves; for predictions, apply it outside of the model.",
        code=code,
    )
