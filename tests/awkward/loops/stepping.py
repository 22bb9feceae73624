"""Loops whose step is not one optimizer.step() after one backward."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR

from tests.awkward.loop import FIRST_ORDER, OWN, Loop, Optimizing, awkward
from tests.awkward.loops.structure import mlp
from tests.awkward.probe import Probe
from tests.awkward.supervised import Supervised, noise

RELUS = {"0": "relu", "2": "relu"}


class Closure(Supervised):
    """Passes a closure to an optimizer that would not need one."""

    def step(self, probe: Probe) -> None:
        inputs, targets = self.batch()

        def evaluate() -> Tensor:
            self.optimizer.zero_grad()
            return self.backward(probe, inputs, targets)

        probe.before(self.optimizer)
        self.optimizer.step(closure=evaluate)  # type: ignore[arg-type]  # torch types the closure as returning a float
        probe.after(closure=True)


@awkward()
def a_closure(optimizing: Optimizing) -> Loop:
    """Forward and backward run inside step(closure), after the step's hook has fired."""
    return Closure(mlp(), optimizing, noise(8, 4), follows=RELUS)


class InBackward(Supervised):
    """Steps every parameter as soon as its gradient is there, inside the backward."""

    def __init__(self, optimizing: Optimizing) -> None:
        super().__init__(mlp(), optimizing, noise(8, 4), follows=RELUS)
        self.optimizers = {
            parameter: optimizing([parameter]) for parameter in self.model.parameters()
        }
        self.probe: Probe | None = None
        for parameter in self.model.parameters():
            parameter.register_post_accumulate_grad_hook(self._update)

    def _update(self, parameter: Tensor) -> None:
        assert isinstance(parameter, nn.Parameter)
        if self.probe is not None:
            self.probe.before([parameter])
        self.optimizers[parameter].step()
        self.optimizers[parameter].zero_grad()

    def step(self, probe: Probe) -> None:
        self.probe = probe
        loss = self.criterion(self.model(self.batch()[0]), torch.zeros(8, 3))
        probe.loss(loss)
        loss.backward()
        probe.after()
        self.probe = None
        self.losses.append(loss.detach())


@awkward(optimizers=FIRST_ORDER, unseen=("raw",))
def an_optimizer_in_the_backward(optimizing: Optimizing) -> Loop:
    """Each parameter has its own optimizer, which steps and clears inside the backward."""
    return InBackward(optimizing)


class ByHand(Supervised):
    """Subtracts the gradient without any optimizer."""

    def step(self, probe: Probe) -> None:
        self.model.zero_grad()
        self.backward(probe, *self.batch())
        probe.before(self.model.parameters())
        with torch.no_grad():
            for parameter in self.model.parameters():
                if parameter.grad is not None:
                    parameter.sub_(0.1 * parameter.grad)
        probe.after()


@awkward(optimizers=OWN)
def no_optimizer_at_all(optimizing: Optimizing) -> Loop:
    """Weights are changed by hand: nothing of torch.optim is ever called."""
    loop = ByHand(mlp(), optimizing, noise(8, 4), follows=RELUS)
    loop.optimizer.param_groups.clear()  # it may live on until it is collected
    del loop.optimizer
    return loop


class Wrapper(Optimizer):
    """An optimizer around another, which never calls its own base class's constructor."""

    def __init__(self, inner: Optimizer) -> None:
        self.inner = inner
        self.param_groups = inner.param_groups
        self.state = inner.state

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # as users write it
        self.inner.step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: FBT001, FBT002 - torch's signature
        self.inner.zero_grad(set_to_none)

    def state_dict(self) -> Any:
        return self.inner.state_dict()


@awkward(optimizers=FIRST_ORDER)
def an_optimizer_around_another(optimizing: Optimizing) -> Loop:
    """A wrapper that never called Optimizer.__init__, so it has none of its attributes."""
    return Supervised(
        mlp(), lambda parameters: Wrapper(optimizing(parameters)), noise(8, 4), follows=RELUS
    )


class Scheduled(Supervised):
    """Decays the learning rate, which wraps optimizer.step."""

    def __init__(self, optimizing: Optimizing) -> None:
        super().__init__(mlp(), optimizing, noise(8, 4), follows=RELUS)
        self.scheduler = CosineAnnealingLR(self.optimizer, T_max=10)

    def step(self, probe: Probe) -> None:
        super().step(probe)
        self.scheduler.step()


@awkward(optimizers=FIRST_ORDER)
def a_scheduler(optimizing: Optimizing) -> Loop:
    """A learning-rate scheduler replaces the optimizer's step method on the instance."""
    return Scheduled(optimizing)


class Threaded(Supervised):
    """Runs every step in a thread of its own."""

    def step(self, probe: Probe) -> None:
        thread = threading.Thread(target=super().step, args=(probe,))
        thread.start()
        thread.join()


@awkward()
def training_in_a_thread(optimizing: Optimizing) -> Loop:
    """Each step runs in another thread than the one that attached."""
    return Threaded(mlp(), optimizing, noise(8, 4), follows=RELUS)


class Validated(Supervised):
    """Evaluates between steps and copies the model for an average."""

    def __init__(self, optimizing: Optimizing) -> None:
        model = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)
        )
        super().__init__(model, optimizing, noise(8, 4), follows={"1": "relu"})
        self.copy: nn.Module = copy.deepcopy(model)

    def step(self, probe: Probe) -> None:
        super().step(probe)
        self.model.eval()
        with torch.no_grad():
            self.losses.append(torch.as_tensor(self.model(torch.randn(2, 4)).mean()))
        with torch.inference_mode():
            self.model(torch.randn(2, 4))
        self.model.train()
        self.copy = copy.deepcopy(self.model)
        self.copy(torch.randn(3, 4)).sum().backward()


@awkward()
def validation_between_steps(optimizing: Optimizing) -> Loop:
    """Forwards in eval, no_grad and inference mode, and a copy goes backward: none is training."""
    return Validated(optimizing)


class TwoLosses(Supervised):
    """Goes backward from two losses, through a graph that is kept."""

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        out = self.model(self.batch()[0])
        first, second = out.square().mean(), out.abs().mean()
        probe.loss(first)
        first.backward(retain_graph=True)
        probe.loss(second)
        second.backward()
        probe.raw()
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()


@awkward(optimizers=FIRST_ORDER, unseen=("loss", "act_grad"))
def two_losses_through_one_graph(optimizing: Optimizing) -> Loop:
    """retain_graph=True: two backward passes of two losses through the same outputs."""
    return TwoLosses(mlp(), optimizing, noise(8, 4), follows=RELUS)


class AtOnce(Supervised):
    """Goes backward from two losses at once."""

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        out = self.model(self.batch()[0])
        losses = [out.square().mean(), out.abs().mean()]
        probe.loss(losses[0] + losses[1])
        torch.autograd.backward(losses)
        probe.raw()
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()


@awkward(optimizers=FIRST_ORDER, unseen=("loss",))
def backward_from_a_list(optimizing: Optimizing) -> Loop:
    """torch.autograd.backward is called directly, with two roots."""
    return AtOnce(mlp(), optimizing, noise(8, 4), follows=RELUS)


class BySgd(Supervised):
    """Steps on gradients that torch.autograd.grad has returned, and that were assigned by hand."""

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(self.batch()[0]), torch.zeros(8, 3))
        parameters = list(self.model.parameters())
        probe.loss(loss)
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        probe.raw()
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()


@awkward(optimizers=FIRST_ORDER)
def gradients_assigned_by_hand(optimizing: Optimizing) -> Loop:
    """torch.autograd.grad returns the gradients, the loop assigns them: no backward() is seen."""
    return BySgd(mlp(), optimizing, noise(8, 4), follows=RELUS)


class Functional(Supervised):
    """Subtracts what torch.autograd.grad has returned: no parameter ever has a gradient itself."""

    def step(self, probe: Probe) -> None:
        loss = self.criterion(self.model(self.batch()[0]), torch.zeros(8, 3))
        parameters = list(self.model.parameters())
        probe.loss(loss)
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient  # for the probe, which looks there
        probe.raw()
        probe.before(parameters)
        self.model.zero_grad()
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(0.1 * gradient)
        probe.after()
        self.losses.append(loss.detach())


@awkward(optimizers=OWN)
def neither_backward_nor_optimizer(optimizing: Optimizing) -> Loop:
    """torch.autograd.grad and a subtraction: parameters keep no gradient, and nothing steps."""
    loop = Functional(mlp(), optimizing, noise(8, 4), follows=RELUS)
    del loop.optimizer
    return loop


class Probing(Supervised):
    """Takes gradients to read them before it goes backward, from the same graph."""

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        inputs, targets = self.batch()
        loss = self.criterion(self.model(inputs), targets)
        torch.autograd.grad(loss * 100, list(self.model.parameters()), retain_graph=True)
        self.descend(probe, loss)


@awkward(
    optimizers=FIRST_ORDER,
    same_as=lambda optimizing: Supervised(mlp(), optimizing, noise(8, 4), follows=RELUS),
)
def gradients_taken_only_to_look(optimizing: Optimizing) -> Loop:
    """torch.autograd.grad of something else, then the backward that counts: the same outputs."""
    return Probing(mlp(), optimizing, noise(8, 4), follows=RELUS)


class Sharpness(Supervised):
    """Steps from the gradient at the worst point nearby (SAM): weights move twice before it."""

    def step(self, probe: Probe) -> None:
        inputs, targets = self.batch()
        self.optimizer.zero_grad()
        self.criterion(self.model(inputs), targets).backward()
        with torch.no_grad():
            shifts = [0.01 * p.grad for p in self.model.parameters() if p.grad is not None]
            for parameter, shift in zip(self.model.parameters(), shifts, strict=True):
                parameter.add_(shift)
        self.optimizer.zero_grad()
        self.backward(probe, inputs, targets)
        with torch.no_grad():
            for parameter, shift in zip(self.model.parameters(), shifts, strict=True):
                parameter.sub_(shift)
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()


@awkward(optimizers=FIRST_ORDER, unseen=("loss", "act"))
def sharpness_aware_steps(optimizing: Optimizing) -> Loop:
    """SAM: two passes at different weights, one step; only a named optimizer tells these apart."""
    loop = Sharpness(mlp(), optimizing, noise(8, 4), follows=RELUS)
    loop.named = loop.optimizer
    return loop


@awkward(optimizers=OWN)
def momentum_without_gradient(optimizing: Optimizing) -> Loop:
    """Weight decay and momentum move weights whose gradient is 0."""
    model = mlp()
    decayed = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    loop = Supervised(
        model, optimizing, noise(8, 4), criterion=lambda out, _: out.sum() * 0.0, follows=RELUS
    )
    loop.optimizer = decayed
    return loop
