"""A shallower model: removes hidden layers whose input and output have the same size."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing
from gradwidget.frame import ROOT, Layer


def fewer_layers(layers: Sequence[Layer], why: str) -> Remedy | None:
    """Removes three of every four square hidden layers; None where there are fewer than four."""
    square = [
        layer
        for layer in layers
        if layer.kind == "Linear" and _is_square(layer) and layer.name != ROOT
    ]
    if len(square) < 4:
        return None
    gone = [layer for i, layer in enumerate(square) if i % 4]
    return Remedy(
        title=f"Use fewer layers: {len(layers) - len(gone)} instead of {len(layers)}",
        why=why,
        code=f"""\
for name in {listing(layer.name for layer in gone)}:
    parent_name, _, child = name.rpartition(".")
    parent = model.get_submodule(parent_name)
    if isinstance(parent, torch.nn.Sequential):
        # The activation function after a layer is removed together with it.
        children = [key for key, _ in parent.named_children()]
        behind = children[children.index(child) + 1 :][:1]
        for key in behind:
            if not list(getattr(parent, key).parameters()):
                setattr(parent, key, torch.nn.Identity())
    # Elsewhere this is a sketch: remove an activation function that forward() calls yourself.
    setattr(parent, child, torch.nn.Identity())
""",
    )


def _is_square(layer: Layer) -> bool:
    shape = layer.shapes.get("weight", ())
    return len(shape) == 2 and shape[0] == shape[1]
