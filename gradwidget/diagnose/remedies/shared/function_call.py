"""Where an activation function is called that does not belong under its loss."""

from __future__ import annotations

from gradwidget.diagnose.remedies.shared.layer_names import quote
from gradwidget.frame import Wiring


def function_call(wiring: Wiring) -> tuple[str, str]:
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
            f"forward() of {name or 'the model'} calls {function} itself{at}: have it return the "
            "input of that call."
        )
    else:
        where = f"Look for {function} between the model and the loss, in the loop as well."
    return where, code
