"""Guard the operation that made the NaN."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def guard_operation(where: str) -> Remedy:
    """Says where to look and what usually helps; only a change of the code can do it.

    Args:
        where: the place in words, such as ``"the loss"``.
    """
    return Remedy(
        title=f"Guard the operation in {where}",
        why=f"Look in {where} for sqrt, log, a division, a norm, pow or a mean over nothing: keep "
        "their arguments away from 0, as in sqrt(x + 1e-8), x / n.clamp(min=1). "
        "torch.autograd.detect_anomaly() around one step names the line.",
        code="",
    )
