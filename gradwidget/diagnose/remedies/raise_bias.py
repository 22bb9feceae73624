"""Positive biases for dead ReLU units."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing, modules_of
from gradwidget.frame import Layer


def raise_bias(layers: Sequence[Layer]) -> Remedy | None:
    """Sets the biases of the layers to a small positive value.

    None where none of them is a module, whose names tell a bias from a gain.
    """
    modules = modules_of(layers)
    if not modules:
        return None
    return Remedy(
        title="Raise the biases",
        why="Units with a bias far below zero are off for every input; with 0.01, they start out "
        "on.",
        code=f"""\
for name in {listing(layer.name for layer in modules)}:
    bias = getattr(model.get_submodule(name), "bias", None)
    if bias is not None:
        torch.nn.init.constant_(bias, 0.01)
        optimizer.state.pop(bias, None)
""",
    )
