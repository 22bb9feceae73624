"""Give the loss the output from before the ReLU."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.function_call import function_call
from gradwidget.frame import Wiring


def remove_relu(wiring: Wiring) -> Remedy:
    """Takes the module out of the model that is it; else says where it is called."""
    where, code = function_call(wiring)
    return Remedy(
        title="Remove the ReLU after the last layer",
        why=f"{where} A ReLU belongs between two layers. After the last one it sets every negative "
        "logit to 0, and a class whose logit is 0 for all inputs gets no gradient.",
        code=code,
    )
