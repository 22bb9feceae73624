"""Weights that became too large at once, brought back to the size that they had."""

from __future__ import annotations

from collections.abc import Mapping

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import listing
from gradwidget.wording import names


def scale_back(norms: Mapping[str, float]) -> Remedy | None:
    """Scales the weight matrices of each layer to the norm given for it; None without any."""
    if not norms:
        return None
    targets = ", ".join(f"{norm:.4g}" for norm in norms.values())
    return Remedy(
        title=f"Scale the weights of {names(list(norms))} back",
        why="They became many times as large from one step to the next. At their old norm they "
        "point where they did, so what was learned is still there.",
        code=f"""\
layers = {listing(norms)}
for name, norm in zip(layers, [{targets}]):
    weights = [p for p in model.get_submodule(name).parameters(recurse=False) if p.dim() > 1]
    with torch.no_grad():
        now = torch.stack([weight.float().norm() for weight in weights]).norm()
        for weight in weights:
            weight.mul_(norm / now)
            optimizer.state.pop(weight, None)  # what it remembers is of the large weights
""",
    )
