"""ReLU in place of sigmoid or tanh, with the initialisation that goes with it."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.listing import listing, quote
from gradwidget.frame import Layer

SLOPES = {"sigmoid": 0.25, "tanh": 1.0}
"""Steepest slope of each squashing activation: the most that it lets through of a gradient."""


def replace_squashing(layers: Sequence[Layer]) -> Remedy | None:
    """Replaces the sigmoid or tanh modules between the layers by ReLU; None where none was seen."""
    squashed = [layer for layer in layers[:-1] if layer.activation in SLOPES]
    if not squashed:
        return None
    kind = str(squashed[0].activation)
    module = {"sigmoid": "Sigmoid", "tanh": "Tanh"}[kind]
    slope = f"The slope of a {kind} is at most {SLOPES[kind]:g}" + (
        ", a quarter at each layer."
        if kind == "sigmoid"
        else ", and next to nothing once its input is large."
    )
    return Remedy(
        title=f"Use ReLU in place of {kind}",
        why=f"{slope} ReLU passes the gradient of every active unit on unchanged.",
        code=f"""\
hidden = {listing(layer.name for layer in squashed if layer.activation == kind)}
order = [name for name, _ in model.named_modules()]
before_output = order[: order.index({quote(layers[-1].name)})]
found = [name for name in before_output if isinstance(model.get_submodule(name), torch.nn.{module})]
for name in found:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, torch.nn.ReLU())
for name in hidden if found else []:
    layer = model.get_submodule(name)
    if getattr(layer, "weight", None) is not None and layer.weight.dim() > 1:
        torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        optimizer.state.pop(layer.weight, None)
if not found:
    print("forward() itself calls {kind}: write torch.relu there, and initialise with kaiming_normal_.")
""",
    )
