"""ReLU instead of sigmoid or tanh, with the initialization that goes with it."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing, modules_of, quote
from gradwidget.frame import ROOT, Layer

SLOPES = {"sigmoid": 0.25, "tanh": 1.0}
"""Steepest slope of each squashing activation function: the most it passes on of a gradient."""


def use_relu(layers: Sequence[Layer]) -> Remedy | None:
    """Replaces sigmoid or tanh modules between the layers with ReLU; None where there are none."""
    squashed = [layer for layer in layers[:-1] if layer.activation in SLOPES]
    if not squashed:
        return None
    kind = str(squashed[0].activation)
    module = {"sigmoid": "Sigmoid", "tanh": "Tanh"}[kind]
    slope = f"The slope of a {kind} is at most {SLOPES[kind]:g}" + (
        ", a quarter per layer."
        if kind == "sigmoid"
        else ", and close to 0 once its input is large."
    )
    hidden = [
        layer.name
        for layer in modules_of(squashed)
        if layer.activation == kind and layer.name != ROOT
    ]
    title = f"Use ReLU instead of {kind}"
    why = f"{slope} ReLU passes the gradient of every active unit on unchanged."
    if not hidden:
        # No module says where in forward() the activation function is.
        code = f"# In forward(): torch.relu in the place of {kind}, in every layer but the last.\n"
        return Remedy(title=title, why=why, code=code)
    last = [one.name for one in modules_of(layers) if one.name != ROOT][-1]
    drawn = [
        layer.name
        for layer in modules_of(squashed)
        if layer.name in hidden and len(layer.shapes.get("weight", ())) > 1
    ]
    return Remedy(
        title=title,
        why=why,
        code=f"""\
hidden = {listing(hidden)}
order = [name for name, _ in model.named_modules(remove_duplicate=False)]
before_output = order[: order.index({quote(last)})]
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
    print("forward() calls {kind} itself: write torch.relu there and use kaiming_normal_.")
""",
        action={
            "kind": "use_relu",
            "instead_of": module,
            "before": last,
            "layers": dict.fromkeys(drawn, "kaiming"),
        }
        if drawn
        else None,
    )
