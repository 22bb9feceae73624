"""A normalization layer after each hidden layer."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import give_to_optimizer, listing
from gradwidget.frame import ROOT, Layer

WIDTHS = {
    "Linear": "LayerNorm",
    "Conv1d": "BatchNorm1d",
    "Conv2d": "BatchNorm2d",
    "Conv3d": "BatchNorm3d",
}
"""Kinds of layers that a norm layer can simply be put after, and which one."""


def normalize(layers: Sequence[Layer], why: str) -> Remedy | None:
    """Puts a LayerNorm (BatchNorm for convolutions) right after each hidden layer.

    None where there is no layer to put one after, or where the model already has norm layers.
    """
    if any("Norm" in layer.kind for layer in layers):
        return None
    hidden = [layer for layer in layers[:-1] if layer.kind in WIDTHS and layer.name != ROOT]
    if not hidden:
        return None
    kinds = ", ".join(
        f'"{kind}": torch.nn.{WIDTHS[kind]}'
        for kind in dict.fromkeys(layer.kind for layer in hidden)
    )
    return Remedy(
        title="Normalize between the layers",
        why=why,
        code=f"""\
norms = {{{kinds}}}
added = []
for name in {listing(layer.name for layer in hidden)}:
    parent, _, child = name.rpartition(".")
    layer = model.get_submodule(name)
    norm = norms[type(layer).__name__](layer.weight.shape[0]).to(layer.weight)
    setattr(model.get_submodule(parent), child, torch.nn.Sequential(layer, norm))
    added += list(norm.parameters())
{give_to_optimizer("added")}
""",
    )
