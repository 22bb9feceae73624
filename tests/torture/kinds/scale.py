"""Very many of something: the time that it takes grows no faster than their number."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gradwidget import GradMonitor
from tests.torture.extra import Extra, extra
from tests.torture.training.models import IN

QUARTER = 4
"""How many times as many the larger model has."""
GROWTH = 9.0
"""Times the processor time that watching so many more may take: growth by the square takes 16."""
LITTLE = 0.5
"""Seconds of processor time that are never too many."""


class Many(Extra):
    """Trains a model of many parts, and one of a quarter as many, before the run begins."""

    alone: ClassVar[bool] = True
    has_figures: ClassVar[bool] = False
    spends_memory: ClassVar[bool] = True
    steps: ClassVar[int] = 2
    usual: ClassVar[dict[str, str]] = {"model": "mlp", "loop": "plain", "optimizer": "sgd"}
    watches: ClassVar[tuple[str, ...]] = ("default",)
    count: ClassVar[int] = 1000

    def body(self, count: int) -> nn.Module:
        """A model of so many parts."""
        raise NotImplementedError

    def begin(self) -> None:
        # The least of some tries: on a busy machine the caches are emptied by others. Their number
        # depends on clocks, so what they draw is no part of the run.
        with torch.random.fork_rng(devices=[]):
            few = min(self._train(self.count // QUARTER) for _ in range(2))
            many = self._train(self.count)
            if many > GROWTH * few:
                many = min(many, *(self._train(self.count) for _ in range(2)))
        if many > LITTLE and many > GROWTH * few and self.run.watch is not None:
            self.run.complaints.append(
                f"watching {self.count} takes {many:.2f} s, a quarter of them {few:.2f} s"
            )

    def _train(self, count: int) -> float:
        """Processor time of three steps that are watched, less that of three that are not."""
        model = self.body(count)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        seconds = []
        for is_watched in (False, self.run.watch is not None):
            monitor = GradMonitor(model) if is_watched else None
            began = time.process_time()
            for _ in range(3):
                optimizer.zero_grad()
                model(torch.ones(3, IN)).square().mean().backward()
                optimizer.step()
            seconds.append(time.process_time() - began)
            if monitor is not None:
                monitor.close()
        return max(seconds[1] - seconds[0], 1e-3)


@extra
class Deep(Many):
    """A thousand layers, one after the other."""

    def body(self, count: int) -> nn.Module:
        parts = (part for _ in range(count) for part in (nn.Linear(IN, IN), nn.ReLU()))
        return nn.Sequential(*parts)


class Chain(nn.Module):
    """Layers with activation functions that are called as functions."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(IN, IN) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = torch.tanh(part(x))
        return x


@extra
class DeepWithFunctions(Many):
    """A thousand layers with activation functions that are no modules."""

    def body(self, count: int) -> nn.Module:
        return Chain(count)


class Shuffling(Chain):
    """Layers that run in another order each time, not all of them."""

    def forward(self, x: Tensor) -> Tensor:
        for number in torch.randperm(len(self.parts))[::2].tolist():
            x = x + self.parts[number](x)
        return x


@extra
class Shuffled(Many):
    """Layers that run in another order each time, not all of them."""

    def body(self, count: int) -> nn.Module:
        return Shuffling(count)


class Repeating(nn.Module):
    """One layer, called many times."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.part, self.count = nn.Linear(IN, IN), count

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.count):
            x = x + 0.001 * self.part(x)
        return x


@extra
class ManyCalls(Many):
    """One layer that is called thousands of times."""

    count: ClassVar[int] = 4000

    def body(self, count: int) -> nn.Module:
        return Repeating(count)


class Sequence(nn.Module):
    """A recurrent layer over many time steps."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.part, self.count = nn.LSTM(IN, IN, batch_first=True), count

    def forward(self, x: Tensor) -> Any:
        return self.part(x[:, None].expand(-1, self.count, -1))[0]


@extra
class LongSequence(Many):
    """A recurrent layer over thousands of time steps."""

    count: ClassVar[int] = 4000

    def body(self, count: int) -> nn.Module:
        return Sequence(count)


class Listing(nn.Module):
    """A layer with many parameters."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.parts = nn.ParameterList(torch.ones(IN) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.stack(list(self.parts)).sum(0)


@extra
class ManyParameters(Many):
    """A layer with thousands of parameters."""

    count: ClassVar[int] = 4000

    def body(self, count: int) -> nn.Module:
        return Listing(count)


@extra
class ManyModules(Many):
    """Thousands of modules that own nothing."""

    count: ClassVar[int] = 4000

    def body(self, count: int) -> nn.Module:
        return nn.Sequential(nn.Linear(IN, IN), *(nn.Identity() for _ in range(count)))


@extra
class ManyHeads(Many):
    """Thousands of layers of which each step uses one."""

    count: ClassVar[int] = 2000

    def body(self, count: int) -> nn.Module:
        return Heads(count)


class Heads(Chain):
    """Layers of which one runs."""

    def forward(self, x: Tensor) -> Any:
        return self.parts[0](x)
