"""Several models, several optimizers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.awkward.loop import FIRST_ORDER, Loop, Optimizing, awkward
from tests.awkward.loops.structure import mlp
from tests.awkward.probe import Probe, Silence
from tests.awkward.supervised import Supervised, noise


class TwoOptimizers(Supervised):
    """Two optimizers on one model, stepped one after the other."""

    def __init__(self, optimizing: Optimizing) -> None:
        super().__init__(mlp(), optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})
        self.optimizer = optimizing(self.model.get_submodule("0").parameters())
        self.second = optimizing(
            [
                *self.model.get_submodule("2").parameters(),
                *self.model.get_submodule("4").parameters(),
            ]
        )

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        self.second.zero_grad()
        self.backward(probe, *self.batch())
        for optimizer in (self.optimizer, self.second):
            probe.before(optimizer)
            optimizer.step()
        probe.after()


@awkward(optimizers=FIRST_ORDER)
def two_optimizers_on_one_model(optimizing: Optimizing) -> Loop:
    """One backward, then two optimizers that together take the step."""
    return TwoOptimizers(optimizing)


class Adversarial(Loop):
    """A generator and a discriminator; the discriminator is watched."""

    def __init__(self, optimizing: Optimizing, *, watch_generator: bool) -> None:
        self.generator = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 4))
        self.discriminator = nn.Sequential(nn.Linear(4, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1))
        self.of_generator = optimizing(self.generator.parameters())
        self.of_discriminator = optimizing(self.discriminator.parameters())
        self.watch_generator = watch_generator
        self.model = self.generator if watch_generator else self.discriminator
        self.follows = {"0": "relu" if watch_generator else "leaky_relu"}  # type: ignore[misc]  # as is watched

    def step(self, probe: Probe) -> None:
        deaf = Silence()
        hears = (deaf, probe) if self.watch_generator else (probe, deaf)
        real, fake = torch.randn(8, 4), self.generator(torch.randn(8, 2))
        self.of_discriminator.zero_grad()
        loss = self.judge(real, 1.0) + self.judge(fake.detach(), 0.0)
        hears[0].loss(loss)
        loss.backward()
        hears[0].raw()
        hears[0].before(self.of_discriminator)
        self.of_discriminator.step()
        hears[0].after()
        self.of_generator.zero_grad()
        loss = self.judge(fake, 1.0)
        hears[1].loss(loss)
        loss.backward()
        hears[1].raw()
        hears[1].before(self.of_generator)
        self.of_generator.step()
        hears[1].after()

    def judge(self, samples: Tensor, target: float) -> Tensor:
        """How far the discriminator is from saying ``target``."""
        logits = self.discriminator(samples)
        return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


@awkward(optimizers=FIRST_ORDER, unseen=("act",))
def a_discriminator(optimizing: Optimizing) -> Loop:
    """The generator's step contaminates the watched discriminator's gradients and reruns it."""
    return Adversarial(optimizing, watch_generator=False)


@awkward(optimizers=FIRST_ORDER)
def a_generator(optimizing: Optimizing) -> Loop:
    """The watched generator ran before the other's step, and its loss comes through that model."""
    return Adversarial(optimizing, watch_generator=True)
