"""Targets of a regression that are far from what a fresh network gives, or sorted by class.

The scale alone is no finding: it is one only together with a symptom that it can bring about, or
where nothing is learned. Not reported: losses that are no plain regression, targets in the tens, a
large scale with which training goes well, batches of the one class that there is, and classes that
take turns.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.residual import drowning, first_residual
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.harm import is_harmed
from gradwidget.diagnose.rules.shared.sorted_data import MOSTLY, sorted_data
from gradwidget.wording import shown


def bad_targets(window: Window, active: Finding | None) -> Detection | None:
    """Looks at what the outputs are held against."""
    return _sorted(window) or _far(window, active)


def _sorted(window: Window) -> Detection | None:
    """Batches of one class, of another one after a while."""
    found = sorted_data(window)
    if found is None:
        return None
    (first, at), (then, later) = found.examples
    many = "Every" if found.share == 1 else "Nearly every"
    return Detection(
        severity="warning",
        message=f"{many} batch holds samples of one class alone (class {first} at step {at:,}, "
        f"class {then} at step {later:,}): the data comes sorted, and each class makes "
        "the network forget the one before.",
        layers=(),
        first_step=window.history.first_step or 0,
        evidence={
            "value": found.share,
            "bound": MOSTLY,
            "window": float(window.limits.window),
            "classes": float(found.classes),
        },
        caveat="Fine if classes are to be learned one after the other, as in continual learning.",
    )


def _far(window: Window, active: Finding | None) -> Detection | None:
    """Outputs that start many times further from the targets than their own size."""
    bound = window.limits.target_scale
    layer = drowning(window)
    if active is None and layer is None and not is_harmed(window, Symptom.BAD_TARGETS):
        return None
    residual = first_residual(window)
    if not residual > bound:
        return None
    outputs = window.start("act_rms")[window.paths.last]
    size = middle(outputs)
    if not residual > bound * max(size, 1.0):
        return None  # outputs that are large themselves
    drowned = ""
    if layer is not None:
        drowned = f" Beside the error of {layer}, the other terms of the loss are negligible."
    return Detection(
        severity="warning",
        message=f"The outputs start {shown(residual)} away from their targets: these are far from "
        f"0 and 1, for which networks are made, and the outputs are about {shown(size)}. Gradients "
        f"grow with the error, and steps of usual size never get there.{drowned}",
        layers=tuple(
            layer.name
            for layer, is_last in zip(window.layers, window.paths.last, strict=True)
            if is_last
        ),
        first_step=window.history.first_step or 0,
        evidence={"value": residual, "bound": bound, "window": float(window.limits.window)},
        caveat="Fine if the last layer or the optimizer is made for such targets.",
    )
