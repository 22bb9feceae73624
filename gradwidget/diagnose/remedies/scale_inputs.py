"""Inputs of a size that activation functions can handle."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def scale_inputs() -> Remedy:
    """Scales the inputs to mean 0 and standard deviation 1."""
    return Remedy(
        title="Scale the inputs",
        why="Inputs in the hundreds saturate sigmoid and tanh at once (LeCun, Efficient BackProp).",
        code="""\
# Better: scale by the statistics of the training data, once. This scales each batch by its own
# (handle.remove() undoes it):
def scale(module, inputs):
    x, *rest = inputs
    return ((x - x.mean()) / (x.std() + 1e-6), *rest) if x.is_floating_point() else inputs

handle = model.register_forward_pre_hook(scale)
""",
    )
