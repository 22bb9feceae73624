"""What a capture may be given."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.optim import Optimizer


def check_types(model: object, optimizer: object) -> None:
    """Checks that there is a model, and an optimizer or none.

    Raises:
        TypeError: there is not; says what was given instead.
    """
    if not isinstance(model, nn.Module):
        message = f"model must be a torch.nn.Module, not {type(model).__name__}"
        raise TypeError(message)
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        message = (
            f"optimizer must be a torch.optim.Optimizer, not {type(optimizer).__name__}; "
            "leave it out to have it detected"
        )
        raise TypeError(message)


def check_held(model: nn.Module, held: Sequence[int]) -> None:
    """Checks that the optimizer given holds parameters of the model, by their numbers.

    Raises:
        ValueError: it holds none; says which one to pass.
    """
    if not held:
        message = (
            f"the optimizer holds none of the parameters of this {type(model).__name__}; "
            "pass the one that was made with model.parameters(), or leave it out"
        )
        raise ValueError(message)
