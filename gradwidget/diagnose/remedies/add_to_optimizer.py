"""Give the optimizer parameters that it does not hold."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import each_parameter, give_to_optimizer
from gradwidget.frame import Layer


def add_to_optimizer(layers: Sequence[Layer]) -> Remedy:
    """Adds the parameters of the layers that the optimizer does not hold."""
    loops = "".join(
        f"{loop}\n        if id(parameter) not in known:\n            missing.append(parameter)\n"
        for loop in each_parameter(layers)
    )
    return Remedy(
        title="Add them to the optimizer",
        why="Parameters created after the optimizer, such as those of a new head, are not held "
        "by it and never change.",
        code=f"""\
known = {{id(p) for group in optimizer.param_groups for p in group["params"]}}
missing = []
{loops}\
if missing:
    {give_to_optimizer("missing")}
""",
    )
