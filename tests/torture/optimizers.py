"""The optimizers that a case can have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

Optimizing = Callable[[Sequence[Tensor]], Optimizer]


def two_groups(parameters: Sequence[Tensor]) -> Optimizer:
    """Every other parameter in a group with a learning rate of its own."""
    groups: list[dict[str, Any]] = [
        {"params": parameters[::2]},
        {"params": parameters[1::2], "lr": 0.003},
    ]
    return SGD([group for group in groups if group["params"]], lr=0.01, momentum=0.5)


def tensor_rate(parameters: Sequence[Tensor]) -> Optimizer:
    """A learning rate that is a tensor, as capturable optimizers have it."""
    return Adam(parameters, lr=torch.tensor(0.01), foreach=False)


OPTIMIZERS: dict[str, Optimizing] = {
    "sgd": partial(SGD, lr=0.01),
    "momentum": partial(SGD, lr=0.01, momentum=0.9, weight_decay=0.01),
    "adam": partial(Adam, lr=0.01),
    "adamw_foreach": partial(AdamW, lr=0.01, foreach=True),
    "adamw_fused": partial(AdamW, lr=0.01, fused=True),
    "rmsprop": partial(RMSprop, lr=0.01),
    "adagrad": partial(Adagrad, lr=0.01),
    "lbfgs": partial(LBFGS, lr=0.1, max_iter=2),
    "two_groups": two_groups,
    "tensor_rate": tensor_rate,
}
