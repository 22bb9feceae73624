"""Inputs and hidden values of a size that activations can handle."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def scale_inputs() -> Remedy:
    """Brings the inputs to mean 0 and deviation 1."""
    return Remedy(
        title="Scale the inputs",
        why="Inputs in the hundreds drive sigmoid and tanh into their flats at once (LeCun, Efficient BackProp).",
        code="""\
# Over the training data, once, is better; this scales each batch as it comes in (handle.remove()
# undoes it):
def scale(module, inputs):
    x, *rest = inputs
    return ((x - x.mean()) / (x.std() + 1e-6), *rest) if x.is_floating_point() else inputs

handle = model.register_forward_pre_hook(scale)
""",
    )
