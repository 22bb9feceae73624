"""Leave out the steps whose gradients are NaN or Inf."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def skip_nonfinite() -> Remedy:
    """Drops a non-finite gradient before the optimizer sees it, as gradient scalers do."""
    return Remedy(
        title="Skip steps whose gradients are not finite",
        why="One NaN in a gradient makes every weight it touches NaN for good; a skipped step costs nothing.",
        code="""\
def skip_nonfinite(optimizer, args, kwargs):
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    if not all(torch.isfinite(gradient).all() for gradient in gradients):
        optimizer.zero_grad()

handle = optimizer.register_step_pre_hook(skip_nonfinite)  # handle.remove() undoes it
""",
        action={"kind": "skip_nonfinite"},
    )
