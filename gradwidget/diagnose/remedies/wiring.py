"""Connect parameters that get no gradient, or say that they need none."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.listing import listing


def look_for_the_cut(names: Sequence[str]) -> Remedy:
    """Where to look, and what is not in the optimizer."""
    return Remedy(
        title="Find where the graph is cut",
        why="A .detach(), .item(), .data, numpy call or torch.no_grad() between the layer and the loss cuts it off; "
        "a module that forward() never calls is not in the graph at all.",
        code=f"""\
known = {{id(p) for group in optimizer.param_groups for p in group["params"]}}
for name in {listing(names)}:
    for key, parameter in model.get_submodule(name).named_parameters(recurse=False):
        where = "in the optimizer" if id(parameter) in known else "NOT in the optimizer"
        print(name, key, where, "requires_grad:", parameter.requires_grad, "grad:", parameter.grad is not None)
""",
    )


def freeze(names: Sequence[str]) -> Remedy:
    """Says of the layers that they are not to be trained."""
    return Remedy(
        title="Freeze them, if that is meant",
        why="A parameter that is marked as frozen costs nothing, and a reader of the program sees that it is meant.",
        code=f"""\
for name in {listing(names)}:
    model.get_submodule(name).requires_grad_(False)
""",
    )


def take_in(names: Sequence[str]) -> Remedy:
    """Gives the optimizer the parameters that it does not have."""
    return Remedy(
        title="Give them to the optimizer",
        why="Parameters made after the optimizer, such as those of a new head, are unknown to it and never change.",
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
