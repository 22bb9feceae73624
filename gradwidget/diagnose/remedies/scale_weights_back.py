"""Weights that became too large at once, brought back to the size that they had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing, quote
from gradwidget.frame import Layer
from gradwidget.wording import names

SCALE = """\
    with torch.no_grad():
        now = torch.stack([weight.float().norm() for weight in weights]).norm()
        for weight in weights:
            weight.mul_(norm / now)
            optimizer.state.pop(weight, None)  # what it remembers is of the large weights
"""
"""The lines that scale ``weights`` to ``norm``."""


def scale_weights_back(norms: Mapping[str, float], layers: Sequence[Layer] = ()) -> Remedy | None:
    """Scales the weight matrices of each layer to the norm given for it; None without any.

    Args:
        norms: by name of the layer.
        layers: those of the model, of which some may be no modules.
    """
    if not norms:
        return None
    own = {layer.name: _weights(layer) for layer in layers if not layer.is_module}
    modules = {name: norm for name, norm in norms.items() if name not in own}
    code = ""
    if modules:
        targets = ", ".join(f"{norm:.4g}" for norm in modules.values())
        code += f"""\
layers = {listing(modules)}
for name, norm in zip(layers, [{targets}]):
    weights = [p for p in model.get_submodule(name).parameters(recurse=False) if p.dim() > 1]
{SCALE}"""
    if len(modules) < len(norms):
        pairs = "".join(
            f"    ([{', '.join(map(quote, own[name]))}], {norm:.4g}),\n"
            for name, norm in norms.items()
            if name in own
        )
        code += f"""\
for own, norm in [
{pairs}]:
    weights = [model.get_parameter(name) for name in own]
{SCALE}"""
    return Remedy(
        title=f"Scale the weights of {names(list(norms))} back",
        why="They became many times as large from one step to the next. At their old norm they "
        "point where they did, so what was learned is still there.",
        code=code,
    )


def _weights(layer: Layer) -> list[str]:
    return [name for name, shape in layer.shapes.items() if len(shape) > 1]
