"""Freeze layers that are not meant to be trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing, modules_of, parameters_of
from gradwidget.frame import Layer


def freeze(layers: Sequence[Layer], window: Window) -> Remedy | None:
    """Marks the layers as not trainable.

    None where that would leave a loss with nothing to train: its ``backward()`` raises then.
    """
    if not _all_still_train(layers, window):
        return None
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


def _all_still_train(layers: Sequence[Layer], window: Window) -> bool:
    """Whether each of the last layers that depends on one of these depends on another as well."""
    names = {layer.name for layer in layers}
    named = np.array([layer.name in names for layer in window.layers])
    others = window.trainable & ~named
    paths, feeds = window.paths, window.wiring.feeds
    if not paths.known:
        return bool(others.any())
    # What no loss depends on, none loses.
    named &= np.array([layer.name in feeds for layer in window.layers])
    behind = paths.before | np.eye(len(named), dtype=np.bool_)
    return bool(others.any()) and all(
        (behind[end] & others).any()
        for end in np.flatnonzero(paths.last)
        if (behind[end] & named).any()
    )
