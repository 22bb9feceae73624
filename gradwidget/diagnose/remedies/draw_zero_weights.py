"""Random weights where all are zero."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import each_parameter
from gradwidget.frame import Layer


def draw_zero_weights(layers: Sequence[Layer]) -> Remedy:
    """Draws the weight matrices of the layers that are exactly 0; one of several in a layer."""
    return Remedy(
        title="Draw the weights that are zero",
        why="A product with 0 passes no gradient on: of two factors one has to be random, as "
        "adapters (LoRA) draw their first one and leave the second at 0.",
        code="".join(
            f"""\
{loop}
        if parameter.requires_grad and parameter.dim() > 1 and not parameter.any():
            torch.nn.init.kaiming_uniform_(parameter, a=5**0.5)
            optimizer.state.pop(parameter, None)
            break
"""
            for loop in each_parameter(layers)
        ),
    )
