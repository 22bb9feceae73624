"""Gradient clipping at a bound taken from the run itself."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import figure

PERCENTILE = 90
"""Of the run's own norms (AutoClip clips at a percentile of them, arXiv 2007.14469)."""


def clip(window: Window, before_step: int) -> Remedy | None:
    """Clips the total norm at the 90th percentile of what it was before ``before_step``; None where
    nothing is known.

    Where the run has no time before, the percentile of all its steps: clipping then only cuts the
        peaks.
    """
    history = window.history
    steps = history.steps
    scalars = history.scalars
    norms = scalars.get(
        "raw_total_grad_norm", scalars.get("total_grad_norm", np.full(len(steps), np.nan))
    )
    usable = np.isfinite(norms) & (norms > 0)
    if usable.any():
        # What an explosion has already blown up is no measure of a usual step.
        usable &= norms <= window.limits.exploding_spike * norms[usable][0]
    before = usable & (steps < before_step)
    chosen = before if before.sum() >= 3 else usable
    if not chosen.any():
        return None
    bound = float(np.percentile(norms[chosen], PERCENTILE))
    text = f"{bound:.3g}"
    span = f"steps {steps[chosen][0]:,} to {steps[chosen][-1]:,}"
    return Remedy(
        title=f"Clip the gradient at {figure(bound)}",
        why=f"{figure(bound)} is the {PERCENTILE}th percentile of the total norm over {span}: usual steps stay as they "
        "are, large ones keep their direction.",
        code=f"""\
# In the loop this is one line between loss.backward() and optimizer.step():
#     torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={text})
# The same without touching the loop (handle.remove() undoes it):
def clip(optimizer, args, kwargs):
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={text})

handle = optimizer.register_step_pre_hook(clip)
""",
        action={"kind": "clip", "max_norm": float(text)},
    )
