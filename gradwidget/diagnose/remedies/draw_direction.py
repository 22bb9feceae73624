"""A direction for weights that are normalized and were set to 0."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import quote
from gradwidget.frame import ROOT, Layer

PLACE, ORIGINAL = "parametrizations.", ".original"
"""What the parameters that a weight is computed from are called: place, name of the weight, and
what is original."""

OLD = "_v"
"""End of the name of a direction, as the older ``torch.nn.utils.weight_norm`` calls it."""


def draw_direction(layers: Sequence[Layer]) -> Remedy | None:
    """Draws the weights that are computed from others; None where the layers have none."""
    pairs = "".join(
        f"    ({quote('' if layer.name == ROOT else layer.name)}, {quote(name)}),\n"
        for layer in layers
        for name in dict.fromkeys(filter(None, map(_computed, layer.shapes)))
    )
    if not pairs:
        return None
    return Remedy(
        title="Draw the weights that are zero",
        why="A normalized weight is divided by its norm, and 0 by 0 is no number. For outputs that "
        "begin at 0, set the gain to 0 once the weights have been drawn.",
        code=f"""\
for name, key in [
{pairs}]:
    layer = model.get_submodule(name)
    with torch.no_grad():
        fresh = torch.empty_like(getattr(layer, key))
        torch.nn.init.kaiming_uniform_(fresh, a=5**0.5)
        if hasattr(layer, key + "_v"):
            gain = getattr(layer, key + "_g")
            across = [place for place in range(gain.dim()) if gain.shape[place] == 1]
            getattr(layer, key + "_v").copy_(fresh)
            gain.copy_(fresh.norm(dim=across, keepdim=True))
        else:
            setattr(layer, key, fresh)  # what it is computed from is set by this
    for parameter in layer.parameters():
        optimizer.state.pop(parameter, None)
""",
    )


def _computed(parameter: str) -> str:
    """The name of the weight that this parameter is for; empty where it is a weight itself."""
    if parameter.startswith(PLACE) and ORIGINAL in parameter:
        return parameter.removeprefix(PLACE).partition(ORIGINAL)[0]
    return parameter.removesuffix(OLD) if parameter.endswith(OLD) else ""
