"""Weights scaled by what each layer adds to an explosion."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import each_parameter
from gradwidget.frame import Layer
from gradwidget.wording import shown

LEAST = 1.001
"""Less than this at each layer explodes in no network that is built."""


def divide_weights(layers: Sequence[Layer], factor: float) -> Remedy | None:
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
    if not scaled or not factor >= LEAST:
        return None
    # What little each of very many layers adds is more than two digits tell.
    is_small = factor < 1.1
    by = f"{factor:.4g}" if is_small else f"{factor:.2g}"
    said = by if is_small else shown(float(by))
    return Remedy(
        title=f"Divide their weights by {said}",
        why=f"They were drawn as usual, and the gradient still grows {said}× at each: something in "
        "forward() multiplies as well, as the frequency of a sine does. Weights that are smaller "
        "by this factor pass it on unchanged in size.",
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
