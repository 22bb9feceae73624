"""How an optimizer is set, apart from its learning rate."""

from __future__ import annotations

from numbers import Real
from typing import Any

from gradwidget.capture.model.optimizers import Grouped


def settings_of(optimizer: Grouped) -> dict[str, float]:
    """``weight_decay``, ``momentum``, ``eps`` and ``maximize``; what it has not is absent.

    Args:
        optimizer: of torch's kind; the first of its groups stands for all, except that the weight
            decay is the largest of any.

    Example:
        >>> import torch
        >>> weights = [torch.zeros(1, requires_grad=True)]
        >>> settings_of(torch.optim.Adam(weights))
        {'weight_decay': 0.0, 'momentum': 0.9, 'eps': 1e-08}
        >>> settings_of(torch.optim.SGD(weights, maximize=True))["maximize"]
        1.0
    """
    groups: list[dict[str, Any]] = optimizer.param_groups
    decays = [
        float(group["weight_decay"])
        for group in groups
        if isinstance(group.get("weight_decay"), Real)
    ]
    found = {"weight_decay": max(decays)} if decays else {}
    first = groups[0]
    momentum = first.get("momentum")
    betas = first.get("betas")
    if momentum is None and isinstance(betas, (tuple, list)) and betas:
        momentum = betas[0]
    for name, value in (("momentum", momentum), ("eps", first.get("eps"))):
        # A tensor would have to be waited for on an accelerator.
        if isinstance(value, Real):
            found[name] = float(value)
    if all(group.get("maximize") is True for group in groups):
        found["maximize"] = 1.0
    return found


def resting(optimizer: Grouped) -> set[int]:
    """Ids of the parameters whose learning rate is exactly 0, as at the start of a warm-up."""
    return {
        id(one)
        for group in optimizer.param_groups
        if isinstance(rate := group.get("lr"), Real) and float(rate) == 0
        for one in group["params"]
    }
