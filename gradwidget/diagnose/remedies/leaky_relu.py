"""LeakyReLU instead of ReLU."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import modules_of, quote
from gradwidget.frame import ROOT, Layer


def leaky_relu(layers: Sequence[Layer]) -> Remedy:
    """Replaces every ReLU module before the output with LeakyReLU."""
    title = "Use LeakyReLU"
    why = (
        "Its small slope below zero gives units that are off a gradient, so that they can recover."
    )
    modules = [layer for layer in modules_of(layers) if layer.name != ROOT]
    if not modules:
        code = "# In forward(): torch.nn.functional.leaky_relu in the place of relu.\n"
        return Remedy(title=title, why=why, code=code)
    return Remedy(
        title=title,
        why=why,
        code=f"""\
order = [name for name, _ in model.named_modules(remove_duplicate=False)]
before_output = order[: order.index({quote(modules[-1].name)})]
found = [name for name in before_output if isinstance(model.get_submodule(name), torch.nn.ReLU)]
for name in found:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, torch.nn.LeakyReLU(0.01))
if not found:
    print("forward() calls relu itself: write torch.nn.functional.leaky_relu there.")
""",
    )
