"""A function for ``torch.jit.script``, which cannot read postponed annotations."""

import torch


def gradient_penalty(x: torch.Tensor) -> torch.Tensor:
    """The sum of the gradient of a sum of squares."""
    y = (x * x).sum()
    gradient = torch.autograd.grad([y], [x])[0]
    assert gradient is not None
    return gradient.sum()
