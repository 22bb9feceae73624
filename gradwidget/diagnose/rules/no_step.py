"""Gradients that no optimizer ever uses.

No step follows the backward passes, or the gradients are cleared before it. Not reported:
micro-batches that are added up, steps that a gradient scaler skips, weights that the loop changes
itself, an optimizer that steps other parameters (``not_in_optimizer`` says so).
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.lost_gradient import lost_since
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged_since


def no_step(window: Window, active: Finding | None) -> Detection | None:
    """Backward passes without a change of any weight."""
    del active  # exact
    return _never_stepped(window) or _cleared_before(window)


def _never_stepped(window: Window) -> Detection | None:
    since = flagged_since(window, "unstepped", 1)
    if since is None or window.frame.scalars.get("stepped_elsewhere", 0.0) > 0:
        return None
    passes = window.frame.scalars["unstepped"]
    return Detection(
        severity="critical",
        message=f"{passes:,.0f} backward passes have run and no optimizer has stepped: the weights "
        "are what they were at the start.",
        layers=(),
        first_step=since,
        evidence={"value": passes, "bound": 0.0, "window": passes},
        caveat="Fine if gradients are all that is wanted.",
    )


def _cleared_before(window: Window) -> Detection | None:
    since = lost_since(window)
    if since is None:
        return None
    norm = window.frame.scalars["raw_total_grad_norm"]
    return Detection(
        severity="critical",
        message=f"backward() gives a gradient (norm {norm:.2g}), but nothing is left of it when "
        "the optimizer steps: it does not change the weights.",
        layers=(),
        first_step=since,
        evidence={"value": 0.0, "bound": 0.0, "window": float(window.limits.certain_frames)},
        caveat="Fine if the gradients are cleared on purpose in this stage of training.",
    )
