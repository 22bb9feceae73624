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
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    if not all(torch.isfinite(p.grad).all() for p in parameters):
        for p in parameters:
            p.grad = None

handle = optimizer.register_step_pre_hook(skip_nonfinite)  # handle.remove() undoes it
""",
        action={"kind": "skip_nonfinite"},
    )
