"""Have an optimizer hold other parameters than it does."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import each_parameter
from gradwidget.frame import Layer


def replace_held_parameters(layers: Sequence[Layer]) -> Remedy:
    """Gives the optimizer the parameters of the layers in the place of all that it holds."""
    loops = "".join(f"{loop}\n        own.append(parameter)\n" for loop in each_parameter(layers))
    return Remedy(
        title="Give them to one optimizer in place of what it holds",
        why="Where two optimizers were given the parameters of one network, as by a copied line, "
        "both train that one and none trains these layers. Here optimizer is the one that is meant "
        "for them.",
        code=f"""\
own = []
{loops}\
optimizer.param_groups[:] = [{{**optimizer.param_groups[0], "params": own}}]
optimizer.state.clear()  # what it has gathered is of other parameters
""",
    )
