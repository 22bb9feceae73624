"""Modules that the model uses, and nobody trains."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from gradwidget.frame import Layer


def unregistered(
    foreign: Iterable[nn.Module], model: nn.Module, used: set[int], optimized: set[int]
) -> list[str]:
    """Which of the modules that ran inside the model it should have registered, in words.

    One with trainable parameters on the way to the loss that are neither the model's nor held by an
    optimizer. What is frozen, runs without gradients, shares the model's parameters or is trained
    on its own is not meant.

    Args:
        foreign: modules that ran inside the model and were no part of it.
        model: the model as it is now: it may have registered some of them meanwhile.
        used: parameters (by ``id``) that the loss depends on.
        optimized: parameters (by ``id``) that optimizers hold.
    """
    known = {id(one) for one in model.parameters()} | optimized
    found = []
    for module in foreign:
        own = dict(module.named_parameters(recurse=False))
        trained = {id(one) for one in own.values() if one.requires_grad} & used
        if trained - known and not trained & optimized:
            shapes = {name: tuple(one.shape) for name, one in own.items()}
            found.append(Layer("", type(module).__name__, shapes).summary)
    return found
