"""What clipping leaves of the gradient."""

from __future__ import annotations

from typing import NamedTuple

from gradwidget.diagnose.evidence.window import Window, middle

LITTLE = 0.04
"""Share of the gradient that is left, below which it is the clipping that makes steps small.

A norm of 1 or of 0.1 that is left of what is usual at first is a share of 0.1 to 1; a bound for
each entry instead of all leaves 0.02.
"""


def clipped_from(window: Window) -> tuple[float, float] | None:
    """The norm of the gradient before and after clipping, where that leaves next to nothing.

    None where it leaves enough, where it is not seen, and for an optimizer that divides the
    gradient by its own size: its steps are no smaller for it.
    """
    return None if "eps" in window.frame.scalars else _norms(window)


class Scaled(NamedTuple):
    """The norm of a gradient before and after it was clipped, as large as a gradient scaler has it.

    The latter is the bound of ``clip_grad_norm_``.
    """

    before: float
    after: float
    scale: float
    """By what the scaler has multiplied it."""


def clipped_while_scaled(window: Window) -> Scaled | None:
    """What is clipped before it is unscaled; None where that is not so.

    A scaler that unscales gradients in its step does so after all that the loop did to them.
    """
    norms, scalars = _norms(window), window.frame.scalars
    scale = scalars.get("loss_scale", 1.0)
    if norms is None or not (scalars.get("unscaled_late", 0.0) > 0 and scale > 1):
        return None
    return Scaled(norms[0] * scale, norms[1] * scale, scale)


def _norms(window: Window) -> tuple[float, float] | None:
    given, used = (
        middle(window.history.recent_scalar(norm, window.limits.window))
        for norm in ("raw_total_grad_norm", "total_grad_norm")
    )
    return (given, used) if 0 < used < LITTLE * given else None
