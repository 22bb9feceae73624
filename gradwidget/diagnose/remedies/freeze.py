"""Freeze layers that are not meant to be trained."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import listing, modules_of, parameters_of
from gradwidget.frame import Layer


def freeze(layers: Sequence[Layer]) -> Remedy:
    """Marks the layers as not trainable."""
    modules, others = modules_of(layers), parameters_of(layers)
    code = ""
    if modules:
        code += f"""\
for name in {listing(layer.name for layer in modules)}:
    model.get_submodule(name).requires_grad_(False)
"""
    if others:
        code += f"""\
for name in {listing(name for own in others for name in own)}:
    model.get_parameter(name).requires_grad_(False)
"""
    return Remedy(
        title="Freeze them if that is intended",
        why="Frozen parameters cost nothing, and a reader of the code sees that it is intended.",
        code=code,
    )
