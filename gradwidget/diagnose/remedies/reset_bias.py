"""Biases that hold every output at an end, set to 0."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing, modules_of
from gradwidget.frame import Layer
from gradwidget.wording import names as words


def reset_bias(layers: Sequence[Layer]) -> Remedy | None:
    """Sets the biases of the layers to 0 and leaves their weights.

    None where none of them is a module, whose names tell a bias from a gain.
    """
    names = [layer.name for layer in modules_of(layers)]
    if not names:
        return None
    return Remedy(
        title=f"Reset the biases of {words(names)}",
        why="They are many times as large as what the weights give, and hold every output where "
        "the function after it is flat.",
        code=f"""\
for name in {listing(names)}:
    bias = getattr(model.get_submodule(name), "bias", None)
    if bias is not None:
        torch.nn.init.zeros_(bias)
        optimizer.state.pop(bias, None)
""",
    )
