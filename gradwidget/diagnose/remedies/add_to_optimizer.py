"""Give the optimizer parameters that it does not hold."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import listing


def add_to_optimizer(names: Sequence[str]) -> Remedy:
    """Adds the parameters of the layers that the optimizer does not hold."""
    return Remedy(
        title="Add them to the optimizer",
        why="Parameters created after the optimizer, such as those of a new head, are not held "
        "by it and never change.",
        code=f"""\
known = {{id(p) for group in optimizer.param_groups for p in group["params"]}}
missing = [
    parameter
    for name in {listing(names)}
    for parameter in model.get_submodule(name).parameters(recurse=False)
    if id(parameter) not in known
]
if missing:
    optimizer.add_param_group({{"params": missing}})
""",
    )
