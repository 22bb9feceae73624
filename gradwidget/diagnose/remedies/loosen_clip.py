"""Raise the bound that gradients are clipped at."""

from __future__ import annotations

from gradwidget.diagnose.evidence.clipping import clipped_from
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown

USUAL = 1.0
"""Bound of the norm of all gradients that most loops have."""


def loosen_clip(window: Window) -> Remedy | None:
    """Only a change of the loop can do it. None where clipping leaves enough of the gradient."""
    norms = clipped_from(window)
    if norms is None:
        return None
    why = (
        f"Of a gradient with a norm of {shown(norms[0])} it leaves {shown(norms[1])}: look at "
        "clip_grad_norm_ or clip_grad_value_ in the loop."
    )
    if norms[1] < USUAL:
        why += f" A bound of {USUAL:g} is usual."
    if window.frame.scalars.get("loss_scale", 1.0) > 1:
        why += " Look too that scaler.unscale_(optimizer) comes before the clipping, not after it."
    return Remedy(title="Raise the clipping bound", why=why, code="")
