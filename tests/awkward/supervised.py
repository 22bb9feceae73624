"""The usual loop: zero_grad, forward, loss, backward, step, with what is usual between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS

from tests.awkward.loop import Loop, Optimizing
from tests.awkward.probe import Probe

Batch = Callable[[], tuple[Any, Tensor]]
Criterion = Callable[[Any, Tensor], Tensor]


def noise(*shape: int, out: int = 3) -> Batch:
    """A fresh random batch at each call: inputs of this shape, targets [shape[0], out]."""
    return lambda: (torch.randn(*shape), torch.randn(shape[0], out))


class Supervised(Loop):
    """Trains a model to predict targets.

    Args:
        model: what is trained and watched.
        optimizing: makes the optimizer from parameters.
        batch: makes one batch: inputs, targets.
        criterion: loss of outputs and targets.
        follows: the nonlinearity after each layer.
        micro_batches: batches accumulated per step.
        meddle: done between backward and step, such as clipping.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizing: Optimizing,
        batch: Batch,
        criterion: Criterion | None = None,
        *,
        follows: Mapping[str, str] | None = None,
        micro_batches: int = 1,
        meddle: Callable[[nn.Module], object] | None = None,
    ) -> None:
        self.model = model
        self.batch = batch
        self.criterion = criterion or nn.MSELoss()
        self.follows = follows or {}  # type: ignore[misc]  # a default for the class, set for each loop
        self.micro_batches = micro_batches
        self.meddle = meddle
        self.losses: list[Tensor] = []
        self.optimizer = optimizing(
            parameter for parameter in model.parameters() if parameter.requires_grad
        )

    def predict(self, inputs: Any) -> Any:
        """What the model makes of the inputs."""
        return self.model(inputs)

    def backward(self, probe: Probe, inputs: Any, targets: Tensor) -> Tensor:
        """One forward and backward."""
        loss = self.criterion(self.predict(inputs), targets) / self.micro_batches
        probe.loss(loss)
        loss.backward()
        probe.raw()
        self.losses.append(loss.detach())
        return loss

    def descend(self, probe: Probe, loss: Tensor) -> None:
        """The second half of a step whose gradients are cleared: backward from this loss."""
        probe.loss(loss)
        loss.backward()
        probe.raw()
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()
        self.losses.append(loss.detach())

    def step(self, probe: Probe) -> None:
        """Trains by one step; LBFGS evaluates the loss by itself, several times."""
        if isinstance(self.optimizer, LBFGS):
            inputs, targets = self.batch()

            def evaluate() -> Tensor:
                self.optimizer.zero_grad()
                return self.backward(probe, inputs, targets)

            probe.before(self.optimizer)
            self.optimizer.step(evaluate)
            probe.after(closure=True)
            return
        self.optimizer.zero_grad()
        for _ in range(self.micro_batches):
            self.backward(probe, *self.batch())
        if self.meddle is not None:
            self.meddle(self.model)
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()
