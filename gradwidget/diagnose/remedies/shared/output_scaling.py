"""Outputs in the units of the data, for the code of a remedy."""

from __future__ import annotations

LEAST = 8
"""Samples that show the scale of each column of the targets."""


def output_scaling(module: str, scale: float, mean: float, power: int) -> str:
    """A hook that multiplies what a module gives by ``scale`` and adds ``mean``.

    Args:
        module: an expression for the module.
        scale: of the data.
        mean: of the data.
        power: of the scale that the gradient is divided by, so that it is as large as one of scaled
            data would be: that of the loss.
    """
    divided = (
        f"""\
    if output.requires_grad:
        output.register_hook(lambda gradient: gradient / {scale**power:.6g})
"""
        if power
        else ""
    )
    shift = f" + {mean:.6g}" if mean else ""
    return f"""\
def in_units(module, inputs, output):
    if not isinstance(output, torch.Tensor):
        return None
{divided}\
    return output * {scale:.6g}{shift}

handle_of_outputs = {module}.register_forward_hook(in_units)
"""


def at_the_end(module: str, scale: float, mean: float) -> str:
    """Of an absolute error the gradient does not tell the targets: by what was measured.

    Args:
        module: an expression for what gives the outputs.
        scale: of the targets.
        mean: of the targets.
    """
    return f"""\
# Better: scale the targets where they are made. The same at the end of this model, with the
# gradient that scaled targets would give it (handle_of_outputs.remove() undoes it):
{output_scaling(module, scale, mean, 1)}"""


def by_first_gradient(residual: float, layer: str | None) -> str:
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
# far its targets are (handle_of_outputs.remove() undoes it):
targets = []

def in_units(module, inputs, output):
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
            # Each column by itself, where enough samples show its scale.
            is_table = seen.dim() == 2 and len(seen) >= {LEAST}
            over = 0 if is_table else tuple(range(seen.dim()))
            deviation = seen.std(over).clamp(min={residual / 1000:.4g})
            targets.extend([seen.mean(over), deviation])
        return torch.zeros_like(gradient)

    if output.requires_grad:
        output.register_hook(measure)
    return None

handle_of_outputs = {module}.register_forward_hook(in_units)
"""
