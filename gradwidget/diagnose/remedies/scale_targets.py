"""Targets of a size that a network can give."""

from __future__ import annotations

from gradwidget.diagnose.evidence.regression_error import is_squared, outweighing
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.output_scaling import output_scaling
from gradwidget.wording import shown


def scale_targets(residual: float, window: Window) -> Remedy:
    """Has the model give its outputs in the units of the targets.

    Args:
        residual: how far the outputs are from the targets at the start.
        window: the newest frames.
    """
    heavy = outweighing(window)
    return Remedy(
        title="Scale the targets",
        why="Look where the targets are made: y = (y - mean) / deviation, by the mean and standard "
        "deviation of the training targets, and y * deviation + mean for what the model predicts. "
        f"They are now about {shown(residual)}. For amounts over several powers of ten, their "
        "logarithm.",
        code=_by_first_gradient(residual, None if heavy is None else heavy.layer)
        if is_squared(window)
        else f"""\
# Better: scale the targets where they are made. The same at the end of this model, with the
# gradient that scaled targets would give it (handle_of_outputs.remove() undoes it):
{output_scaling("model", residual, 0.0, 1)}""",
    )


def _by_first_gradient(residual: float, layer: str | None) -> str:
    """Of a squared error the gradient is as the errors are, so that one batch tells the targets.

    Args:
        residual: how far the outputs are from the targets at the start.
        layer: the one that makes these outputs, where others make others; None for the model.
    """
    end = "this model" if layer is None else repr(layer)  # a name may have line breaks
    module = "model" if layer is None else f"model.get_submodule({layer!r})"
    return f"""\
# Better: scale the targets where they are made. The same at the end of {end}, with the
# gradient that scaled targets would give it. The first batch trains nothing: its gradient tells how
# far its targets are (handle.remove() undoes it):
targets = []

def scale(module, inputs, output):
    if not isinstance(output, torch.Tensor):
        return None
    if targets:
        mean, deviation = targets
        if output.requires_grad:
            output.register_hook(lambda gradient: gradient / deviation**2)
        return output * deviation + mean

    given = output.detach()

    def measure(gradient):
        errors = gradient / gradient.square().mean().sqrt() * {residual:.6g}
        if not targets and errors.numel() > 1 and torch.isfinite(errors).all():
            seen = given - errors
            targets.extend([seen.mean(), seen.std().clamp(min={residual / 1000:.4g})])
        return torch.zeros_like(gradient)

    if output.requires_grad:
        output.register_hook(measure)
    return None

handle = {module}.register_forward_hook(scale)
"""
