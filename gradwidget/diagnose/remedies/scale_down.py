"""Weights scaled by what each layer adds to an explosion."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import each_parameter
from gradwidget.frame import Layer
from gradwidget.wording import shown


def scale_down(layers: Sequence[Layer], factor: float) -> Remedy | None:
    """Divides the weight matrices of the layers; None without any, or where nothing grows.

    Args:
        layers: those that the gradient comes through.
        factor: by which it grows at each of them; NaN where that is not known.
    """
    scaled = [
        layer
        for layer in layers
        if layer.trainable and any(len(shape) > 1 for shape in layer.shapes.values())
    ]
    if not scaled or not factor > 1:
        return None
    by = f"{factor:.2g}"
    return Remedy(
        title=f"Divide their weights by {shown(float(by))}",
        why=f"They were drawn as usual, and the gradient still grows {shown(factor)}× at each: "
        "something in forward() multiplies as well, as the frequency of a sine does. Weights drawn "
        "smaller by as much pass it on at one size.",
        code="".join(
            f"""\
{loop}
        if parameter.requires_grad and parameter.dim() > 1:
            with torch.no_grad():
                parameter.div_({by})
            optimizer.state.pop(parameter, None)  # what it remembers is of the large weights
"""
            for loop in each_parameter(scaled)
        ),
    )
