"""Find where layers without a gradient are cut off from the loss."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import listing


def find_cut(names: Sequence[str]) -> Remedy:
    """Prints, for every parameter, whether an optimizer holds it and whether it has a gradient."""
    return Remedy(
        title="Find where the graph is cut",
        why="A .detach(), .item(), .data, NumPy call or torch.no_grad() between the layer and "
        "the loss cuts it off; a module that forward() never calls is not in the graph at all.",
        code=f"""\
known = {{id(p) for group in optimizer.param_groups for p in group["params"]}}
for name in {listing(names)}:
    for key, parameter in model.get_submodule(name).named_parameters(recurse=False):
        where = "in the optimizer" if id(parameter) in known else "NOT in the optimizer"
        has_grad = parameter.grad is not None
        print(name, key, where, "requires_grad:", parameter.requires_grad, "grad:", has_grad)
""",
    )
