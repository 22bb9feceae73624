"""A small network that is trained step by step, and what was seen of its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradwidget.capture.capture import Capture
from gradwidget.capture.inspect.inspector import Inspector
from gradwidget.frame import Histogram, Inspection

Watch = Callable[..., Capture]


class Loop:
    """A small network that is trained step by step, and what was seen of its layers."""

    def __init__(self, watch: Watch, model: nn.Module | None = None, **options: Any) -> None:
        self.model = model or nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.capture = watch(self.model, **options)
        self.seen: list[Inspection] = []
        self.inspector.emit = self.seen.append
        self.gradients: dict[str, Tensor] = {}
        self.outputs: list[Tensor] = []

    @property
    def inspector(self) -> Inspector:
        return self.capture.cycle.inspector

    def step(self, calls: int = 1) -> None:
        self.optimizer.zero_grad()
        self.outputs = [self.model(torch.randn(16, 4)) for _ in range(calls)]
        torch.stack(self.outputs).square().mean().backward()
        self.gradients = {
            name: one.grad.clone()
            for name, one in self.model.named_parameters()
            if one.grad is not None
        }
        self.optimizer.step()


def histogram(found: Histogram | str) -> Histogram:
    assert not isinstance(found, str), found
    return found


def same(found: Histogram | str, *tensors: Tensor) -> bool:
    """Whether a histogram is numpy's over all entries of the tensors."""
    values = torch.cat([tensor.detach().flatten() for tensor in tensors]).double().numpy()
    seen = histogram(found)
    counts, _ = np.histogram(values, seen.edges)
    return counts.tolist() == seen.counts.tolist() and seen.total == len(values)
