"""Give the loss the output from before the softmax or sigmoid."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import quote, without_last
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


def caller(wiring: Wiring) -> tuple[str, str]:
    """Where the function is called that lies right under the loss, as a sentence.

    Returns:
        It, and the code that takes the module out which is this function; empty where only a change
        of what calls it does.
    """
    function, kind, name, line = wiring.obstacles["squashed"]
    code = ""
    if kind == "module" and name:
        parent, _, child = name.rpartition(".")
        where = f"It is the module {name}."
        code = (
            f"parent = model.get_submodule({quote(parent)})\n"
            f"setattr(parent, {quote(child)}, torch.nn.Identity())\n"
        )
    elif kind == "forward":
        at = f" ({line})" if line else ""
        where = (
            f"forward() of {name or 'the model'} calls {function} itself{at}: have it return what "
            "that is given."
        )
    else:
        where = f"Look for {function} between the model and the loss, in the loop as well."
    return where, code
