"""A loop of a few steps on random data, and how its network was found to be wired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD

from gradwidget.frame import Frame, Wiring

Watch = Callable[..., Any]
Loss = Callable[[Any], Tensor]


def mean_square(output: Any) -> Tensor:
    """A loss of a single operation or two."""
    return torch.as_tensor(output.square().mean())


def frames(
    watch: Watch,
    model: nn.Module,
    *shape: int,
    loss: Loss = mean_square,
    steps: int = 3,
    **options: Any,
) -> list[Frame]:
    """The frames of a few steps; of inputs of a shape."""
    capture = watch(model, **options)
    optimizer = SGD([one for one in model.parameters() if one.requires_grad], lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(torch.randn(shape))).backward()
        optimizer.step()
    assert capture.problems == []
    found: list[Frame] = capture.frames
    return found


def wiring(watch: Watch, model: nn.Module, *shape: int, **options: Any) -> Wiring:
    """The wiring in the last of them."""
    found = frames(watch, model, *shape, **options)[-1].wiring
    assert found is not None
    return found
