"""Skip the steps whose gradients are NaN or Inf."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def skip_nonfinite() -> Remedy:
    """Drops gradients that are not finite before the optimizer steps, as gradient scalers do."""
    return Remedy(
        title="Skip steps whose gradients are not finite",
        why="One NaN in a gradient makes every weight that it updates NaN forever; a skipped "
        "step loses one batch. Where most batches have one, most steps are skipped and nothing is "
        "learned. Running statistics of batch norm still see that batch.",
        code="""\
def skip_nonfinite(optimizer, args, kwargs):
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if not all(torch.isfinite(p.grad).all() for p in parameters if p.grad is not None):
        optimizer.zero_grad()

handle = optimizer.register_step_pre_hook(skip_nonfinite)  # handle.remove() undoes it
""",
        action={"kind": "skip_nonfinite"},
    )
