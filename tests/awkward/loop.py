"""What an awkward training loop is, and the register of all of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import LBFGS, SGD, Adam, AdamW, Optimizer

from tests.awkward.probe import Probe, Silence

Optimizing = Callable[[Iterable[nn.Parameter]], Optimizer]

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "SGD": partial(SGD, lr=0.05, momentum=0.9),
    "Adam": partial(Adam, lr=0.01),
    "AdamW foreach": partial(AdamW, lr=0.01, foreach=True),
    "AdamW fused": partial(AdamW, lr=0.01, fused=True),
    "LBFGS": partial(LBFGS, lr=0.1, max_iter=3),
}
FIRST_ORDER = ("SGD", "Adam", "AdamW foreach", "AdamW fused")
OWN = ("SGD",)
"""For loops that bring their own optimizer: one pass is enough."""

STEPS = 4


class Loop:
    """A model and the loop that trains it, in the calls and the order that a user would write.

    Everything that training makes hangs on attributes: modules, optimizers, tensors. ``state``
        finds it there.
    """

    model: nn.Module
    """The model that is watched."""

    named: Optimizer | None = None
    """The optimizer that the user passes to the monitor, in the rare case that one has to."""

    follows: ClassVar[Mapping[str, str]] = {}
    """The elementwise nonlinearity after a layer, by layer name; layers not named have none."""

    rows: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The parameters of each layer, by their names in the model, where layers are no modules."""

    def step(self, probe: Probe) -> None:
        """Trains by one step, or by one round of steps where there are several optimizers."""
        raise NotImplementedError

    def run(self, steps: int = STEPS, probe: Probe | None = None) -> None:
        """Trains by ``steps`` steps."""
        for _ in range(steps):
            self.step(probe or Silence())

    def state(self) -> Iterator[Tensor]:
        """Every tensor that training has made: parameters, gradients, buffers, losses and so on."""
        for value in vars(self).values():
            if isinstance(value, nn.Module):
                for parameter in value.parameters():
                    yield parameter.detach()
                    if parameter.grad is not None:
                        yield parameter.grad.detach()
                yield from value.buffers()
            elif isinstance(value, Optimizer):
                yield from tensors_in(value.state_dict())
            else:
                yield from tensors_in(value)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested containers."""
    if isinstance(value, Tensor):
        yield value.detach()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)


@dataclass(frozen=True)
class Case:
    """One awkward loop."""

    name: str
    awkward: str
    """What is awkward about it, in a line."""
    build: Callable[[Optimizing], Loop]
    optimizers: tuple[str, ...]
    """Those that make sense for it."""
    same_as: Callable[[Optimizing], Loop] | None
    """A plain loop that computes the same values, where the awkward one cannot be read."""
    unseen: frozenset[str]
    """Beginnings of the metrics that have no single true value here."""
    hidden: frozenset[str]
    """Beginnings of the metrics that cannot be seen for every layer here: where one is missing a
    reason is given."""

    def loop(self, optimizer: str | None = None, seed: int = 0) -> Loop:
        """A fresh loop; the same seed makes the same one."""
        return self._seeded(self.build, optimizer, seed)

    def plain(self, optimizer: str | None = None, seed: int = 0) -> Loop:
        """A fresh loop for the reference to read."""
        return self._seeded(self.same_as or self.build, optimizer, seed)

    def _seeded(
        self, build: Callable[[Optimizing], Loop], optimizer: str | None, seed: int
    ) -> Loop:
        # `torch.manual_seed` keeps a stack trace for CUDA each time, thousands of times.
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the global state is what a user's loop draws from
        return build(OPTIMIZERS[optimizer or self.optimizers[0]])


LOOPS: dict[str, Case] = {}


def awkward(
    *,
    optimizers: tuple[str, ...] = tuple(OPTIMIZERS),
    same_as: Callable[[Optimizing], Loop] | None = None,
    unseen: tuple[str, ...] = (),
    hidden: tuple[str, ...] = (),
) -> Callable[[Callable[[Optimizing], Loop]], Callable[[Optimizing], Loop]]:
    """Registers a loop under its name; its docstring says what is awkward about it."""

    def register(build: Callable[[Optimizing], Loop]) -> Callable[[Optimizing], Loop]:
        name = build.__name__
        assert build.__doc__, name
        assert name not in LOOPS, name
        LOOPS[name] = Case(
            name, build.__doc__, build, optimizers, same_as, frozenset(unseen), frozenset(hidden)
        )
        return build

    return register
