"""Gradient clipping at a bound taken from the run itself."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.clear_gradients import BY_CLOSURE
from gradwidget.wording import shown

PERCENTILE = 90
"""Percentile of the run's own norms to clip at, as AutoClip does (arXiv 2007.14469)."""

LARGEST = 1e6
"""Bound beyond which nobody clips: what is usual of the run is then itself the explosion."""


def clip(window: Window, before_step: int) -> Remedy | None:
    """Clips the total norm at the 90th percentile of those before ``before_step``.

    Of all steps where there are too few before; clipping then only cuts the peaks. None where no
    norm is known, or where even the usual ones are beyond ``LARGEST``; and under an optimizer that
    compares the gradients of a closure with each other, which clipping makes those of no function.
    """
    if not BY_CLOSURE.isdisjoint(window.wiring.optimizers):
        return None
    history = window.history
    steps = history.steps
    scalars = history.scalars
    norms = scalars.get(
        "raw_total_grad_norm", scalars.get("total_grad_norm", np.full(len(steps), np.nan))
    )
    usable = np.isfinite(norms) & (norms > 0)
    if usable.any():
        # Norms that are already part of an explosion do not tell what is usual.
        usable &= norms <= window.limits.exploding_spike * norms[usable][0]
    before = usable & (steps < before_step)
    chosen = before if before.sum() >= 3 else usable
    if not chosen.any():
        return None
    bound = float(np.percentile(norms[chosen], PERCENTILE))
    if bound > LARGEST:
        return None
    text = f"{bound:.3g}"
    span = f"steps {steps[chosen][0]:,} to {steps[chosen][-1]:,}"
    return Remedy(
        title=f"Clip the gradient at {shown(bound)}",
        why=f"{shown(bound)} is the {PERCENTILE}th percentile of the total norm over {span}: "
        "usual steps stay as they are, and large ones keep their direction.",
        code=f"""\
# In the loop, this is one line between loss.backward() and optimizer.step():
#     torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={text})
# The same without changing the loop (handle.remove() undoes it):
def clip(optimizer, args, kwargs):
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={text})

handle = optimizer.register_step_pre_hook(clip)
""",
        action={"kind": "clip", "max_norm": float(text)},
    )
