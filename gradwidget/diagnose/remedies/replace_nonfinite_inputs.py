"""NaN and Inf in the inputs replaced by 0."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def replace_nonfinite_inputs() -> Remedy:
    """Replaces entries of the inputs that are not finite."""
    return Remedy(
        title="Replace NaN in the inputs",
        why="The cause is in the data: look at that batch (monitor.batch while paused) and at how "
        "missing values are read. Until then 0 in their place keeps the run alive.",
        code="""\
def replace(module, inputs):
    return tuple(
        torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
        if isinstance(x, torch.Tensor) and x.is_floating_point()
        else x
        for x in inputs
    )

handle = model.register_forward_pre_hook(replace)  # handle.remove() undoes it
""",
    )
