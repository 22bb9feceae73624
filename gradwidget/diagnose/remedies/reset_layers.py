"""Layers as they are when a model is new."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing, modules_of
from gradwidget.frame import ROOT, Layer


def reset_layers(layers: Sequence[Layer]) -> Remedy | None:
    """Has each module draw its parameters again, norm layers included; None without a module."""
    modules = [layer.name for layer in modules_of(layers) if layer.name != ROOT]
    if not modules:
        return None
    return Remedy(
        title="Start them afresh",
        why="Weights that came from elsewhere, and did not change while everything around them was "
        "trained, may be further from what is needed than fresh ones. Not where it was loaded on "
        "purpose.",
        code=f"""\
for name in {listing(modules)}:
    module = model.get_submodule(name)
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
""",
    )
