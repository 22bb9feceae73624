"""Models whose forward leaves something behind, in runs in which a value is not finite."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor, nn

from tests.torture.extra import Extra, extra

LATE = 12
"""Steps that are measured in full whatever they cost, and two more."""


class NotFinite(Extra):
    """Some losses are not finite; the loop leaves those steps out, as many loops do."""

    factor: ClassVar[float] = math.nan
    steps: ClassVar[int] = LATE + 6
    watches: ClassVar[tuple[str, ...]] = ("full", "default", "parameters")
    has_figures: ClassVar[bool] = False

    def loss(self, step: int, loss: Tensor) -> Tensor:
        return loss * (self.factor if self.is_bad(step) else 1.0)

    def is_bad(self, step: int) -> bool:
        """Whether the loss of this step is not finite."""
        return step in (2, LATE, LATE + 3)


@extra
class NanLoss(NotFinite):
    """Some losses are NaN, and the loop uses them."""


@extra
class InfiniteLoss(NotFinite):
    """Some losses are infinite, and the loop uses them."""

    factor: ClassVar[float] = math.inf


class Left(nn.Module):
    """A model whose forward does something besides."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.make()

    def make(self) -> None:
        """What it keeps."""

    def work(self) -> float:
        """Done in each forward; a factor for the output."""
        return 1.0

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        factor = self.work()
        output = self.body(*args, **kwargs)
        return output * factor if isinstance(output, Tensor) else output


class Stateful(NotFinite):
    """Puts such a model around the model; every bad step is left out of training."""

    around_it: ClassVar[type[Left]] = Left

    def rebuild(self, model: nn.Module) -> nn.Module:
        return self.around_it(model)

    def loss(self, step: int, loss: Tensor) -> Tensor:
        return super().loss(step, loss)

    def begin(self) -> None:
        """Gradients that are not finite are cleared before the step: weights stay finite."""

        def spare(*_: object) -> None:
            if self.is_bad(self.run.step):
                for one in self.run.model.parameters():
                    one.grad = None

        for optimizer in self.run.optimizers:
            optimizer.register_step_pre_hook(spare)


class _NumpyGenerator(Left):
    def make(self) -> None:
        self.generator = np.random.default_rng(1)

    def work(self) -> float:
        return 1.0 if self.generator.random() > 0.3 else 0.5


@extra
class OwnNumpyGenerator(Stateful):
    """The model draws from a generator of numpy's that it owns."""

    around_it: ClassVar[type[Left]] = _NumpyGenerator


class _TorchGenerator(Left):
    def make(self) -> None:
        self.generator = Generator().manual_seed(1)

    def work(self) -> float:
        return float(torch.rand((), generator=self.generator))


@extra
class OwnTorchGenerator(Stateful):
    """The model draws from a generator of torch's that it owns."""

    around_it: ClassVar[type[Left]] = _TorchGenerator


class _Random(Left):
    def make(self) -> None:
        self.held = {"deep": [random.Random(1)]}  # noqa: S311  # no secret

    def work(self) -> float:
        return self.held["deep"][0].random()


@extra
class OwnRandom(Stateful):
    """The model draws from a generator of Python's, deep in what it keeps."""

    around_it: ClassVar[type[Left]] = _Random


class _Global(Left):
    def work(self) -> float:
        return random.random() + float(np.random.rand()) + float(torch.rand(()))  # noqa: NPY002, S311  # as users draw


@extra
class GlobalGenerators(Stateful):
    """The model draws from the generators of the process."""

    around_it: ClassVar[type[Left]] = _Global


class _Counts(Left):
    def make(self) -> None:
        self.calls, self.log, self.deep = 0, [0], {"a": {"b": [0]}}

    def work(self) -> float:
        self.calls += 1
        self.log.append(self.calls)
        self.deep["a"]["b"][0] += 1
        return 1.0


@extra
class Counts(Stateful):
    """The model counts its calls, in attributes and deep in containers."""

    around_it: ClassVar[type[Left]] = _Counts


class _Statistics(Left):
    def make(self) -> None:
        self.register_buffer("mean", torch.zeros(()))
        self.average = np.zeros(3)

    def work(self) -> float:
        self.mean.add_(1.0)  # type: ignore[operator]  # a buffer is a tensor
        self.average += 1.0
        return 1.0


@extra
class Statistics(Stateful):
    """The model writes to buffers and arrays."""

    around_it: ClassVar[type[Left]] = _Statistics


class _Reads(Left):
    def make(self) -> None:
        self.stream = iter(itertools.count())
        self.last = 0

    def work(self) -> float:
        self.last = next(self.stream)
        return 1.0 + self.last / 100


@extra
class ReadsAStream(Stateful):
    """The model reads from a stream, from which nothing can be read twice."""

    around_it: ClassVar[type[Left]] = _Reads


@extra
class CountsOutside(Stateful):
    """The model calls something outside of itself, as a logger or a cache is."""

    def rebuild(self, model: nn.Module) -> nn.Module:
        outside = self.run.kept.setdefault("outside", [0])

        class Calls(Left):
            def work(self) -> float:
                outside[0] += 1
                return 1.0

        return Calls(model)


@extra
class UserHooks(Stateful):
    """Hooks of the user's on the model, which count their calls."""

    def rebuild(self, model: nn.Module) -> nn.Module:
        calls = self.run.kept.setdefault("calls of hooks", [0, 0, 0])

        def count(place: int) -> Any:
            def hook(*_: object) -> None:
                calls[place] += 1

            return hook

        for part in model.modules():
            part.register_forward_hook(count(0))
            part.register_forward_pre_hook(count(1))
        return model
