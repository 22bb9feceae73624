"""Units that are copies of each other and stay so: the layer counts as one unit.

As of weights that all are one constant: units that compute the same get the same gradient, and only
a random start tells them apart (Goodfellow et al., Deep Learning, 8.4). Not reported: the last
layer, whose targets tell its units apart; weights that do not move, or that come apart.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.wording import names

COPY_LIMIT = 1e-2
"""Difference at which copies are none any more: what rounding makes grows from step to step."""

ROUNDING = 1e-6
"""Change per step over the size of weights, up to which rounding may hide what units differ by."""


def same_units(window: Window, active: Finding | None) -> Detection | None:
    """Layers before the last whose units were trained for some steps and have the same weights.

    Args:
        window: the newest frames.
        active: the open finding of that, if any.
    """
    limits, count = window.limits, len(window.layers)
    if "unit_difference" not in window.history or window.age < limits.lasting_steps:
        return None
    difference = window.latest("unit_difference", limits.certain_frames)
    if len(difference) < limits.certain_frames:
        return None
    with np.errstate(invalid="ignore"):
        # One step alone would have told others apart by more.
        bound = limits.units_alike * window.moves if active is None else np.full(count, COPY_LIMIT)
        alike = (difference < bound).all(axis=0)
        alike &= (window.moves > ROUNDING) & (window.median("grad_norm") > 0)
    rows = np.flatnonzero(alike & window.trainable & ~window.paths.last)
    if not rows.size:
        return None
    worst = rows[np.argmax(difference[0, rows])]
    layers = tuple(window.layers[row].name for row in rows)
    counts = [_units(window, int(row)) for row in rows]
    of = f"All {counts[0]:,} units" if len(set(counts)) == 1 else "All units"
    each = "each of these layers" if len(layers) > 1 else "the layer"
    return Detection(
        severity="critical",
        message=f"{of} of {names(layers)} have the same weights, and every step changes them in "
        f"the same way: {each} counts as one unit.",
        layers=layers,
        first_step=window.history.first_step or 0,
        evidence={
            "value": float(difference[0, worst]),
            "bound": float(bound[worst]),
            "window": float(limits.certain_frames),
            "same_units": float(max(counts)),
        },
        caveat="Fine if the units are kept alike on purpose.",
    )


def _units(window: Window, row: int) -> int:
    layer = window.layers[row]
    shape = next(shape for shape in layer.shapes.values() if len(shape) > 1)
    return shape[1 if layer.kind.startswith("ConvTranspose") else 0]
