"""What clipping leaves of the gradient."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window

LITTLE = 1e-2
"""Share of the gradient that is left, below which it is the clipping that makes steps small."""


def clipped_from(window: Window) -> tuple[float, float] | None:
    """The norm of the gradient before and after clipping, where that leaves next to nothing.

    None where it leaves enough, and where it is not seen.
    """
    scalars = window.frame.scalars
    given, used = scalars.get("raw_total_grad_norm", 0.0), scalars.get("total_grad_norm", 0.0)
    return (given, used) if 0 < used < LITTLE * given else None
