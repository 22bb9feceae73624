"""Fresh weights for dead ReLU units, and a slope that does not let them die again."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.listing import listing, quote
from gradwidget.frame import Layer


def leaky(layers: Sequence[Layer]) -> Remedy:
    """LeakyReLU in place of every ReLU module before the output."""
    return Remedy(
        title="Use LeakyReLU",
        why="Its small slope below zero keeps a gradient alive in units that are off, so that they can come back.",
        code=f"""\
order = [name for name, _ in model.named_modules()]
before_output = order[: order.index({quote(layers[-1].name)})]
found = [name for name in before_output if isinstance(model.get_submodule(name), torch.nn.ReLU)]
for name in found:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, torch.nn.LeakyReLU(0.01))
if not found:
    print("forward() itself calls relu: write torch.nn.functional.leaky_relu there.")
""",
    )


def lift_bias(names: Sequence[str]) -> Remedy:
    """Sets the biases of the layers to a small positive value."""
    return Remedy(
        title="Lift the biases",
        why="Units whose bias has sunk far below zero are off for every input; from 0.01 they start on.",
        code=f"""\
for name in {listing(names)}:
    bias = getattr(model.get_submodule(name), "bias", None)
    if bias is not None:
        torch.nn.init.constant_(bias, 0.01)
        optimizer.state.pop(bias, None)
""",
    )
