"""Give outputs and targets one shape."""

from __future__ import annotations

from gradwidget.diagnose.evidence.obstacle import EVERY_PAIR, Broadcast, broadcast
from gradwidget.diagnose.finding import Remedy
from gradwidget.frame import Wiring


def give_one_shape(wiring: Wiring) -> Remedy | None:
    """Says how; None where they have one. Only a change of the code can do it."""
    met = broadcast(wiring)
    if met is None:
        return None
    title = EVERY_PAIR.title
    if met.what == "advantages":
        title = "Give returns and values one shape"
        of_layer = f"the output of {met.layer}" if met.layer else "the output of the critic"
        why = (
            f"Look at where the {met.made} is made, with or without detach(): what has the shape "
            f"{met.column} there, often {of_layer}, needs squeeze(-1), as in returns - "
            "value.squeeze(-1). The mean of all pairs leaves only the mean of such values."
        )
    elif met.what == "product":
        title = "Give the factors one shape"
        why = (
            f"Look at both shapes before the product, here {met.given} and {met.other}: as "
            f"{met.made}, its mean is that of the one times that of the other. Use squeeze(-1) on "
            "what has the dimension of 1."
        )
    else:
        why = _of_targets(met)
    return Remedy(title=title, why=why, code="")


def _of_targets(met: Broadcast) -> str:
    return (
        f"Look at both shapes before the loss, here {met.given} of the outputs{met.of_layer}: as "
        f"{met.made}, the best output for all targets at once is their mean. Use output.squeeze(1) "
        "or target.unsqueeze(1), whichever fits, or criterion(output.view_as(target), target)."
    )
