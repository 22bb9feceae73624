"""Outputs in the units of the data, for the code of a remedy."""

from __future__ import annotations


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
