"""Graphs that are recomputed, differentiated twice, or walked in unusual ways."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.utils.checkpoint import checkpoint

from tests.awkward.loop import FIRST_ORDER, Loop, Optimizing, awkward
from tests.awkward.loops.structure import mlp
from tests.awkward.probe import Probe
from tests.awkward.supervised import Supervised, noise

RELUS = {"0.0": "relu", "1.0": "relu"}


class Blocks(nn.Sequential):
    """Blocks with dropout, recomputed in the backward where ``variant`` says so."""

    def __init__(self, variant: str) -> None:
        block = [nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Dropout(0.2)) for _ in range(2)]
        super().__init__(*block, nn.Linear(6, 3))
        self.variant = variant

    def forward(self, inputs: Tensor) -> Tensor:
        hidden: Any = inputs.requires_grad_()
        for block in list(self)[:2]:
            if self.variant == "plain":
                hidden = block(hidden)
            else:
                hidden = checkpoint(block, hidden, use_reentrant=self.variant == "reentrant")
        return torch.as_tensor(self[2](hidden))


def blocks(optimizing: Optimizing) -> Loop:
    """What the checkpointed loops compute, without checkpoints."""
    return Supervised(Blocks("plain"), optimizing, noise(8, 6), follows=RELUS)


@awkward(same_as=blocks)
def checkpoints_reentrant(optimizing: Optimizing) -> Loop:
    """Blocks run without a graph, then again in the backward, which starts passes of its own."""
    return Supervised(Blocks("reentrant"), optimizing, noise(8, 6), follows=RELUS)


@awkward(
    optimizers=FIRST_ORDER,
    same_as=lambda optimizing: Supervised(
        Blocks("plain"), optimizing, noise(8, 6), follows=RELUS, micro_batches=3
    ),
)
def accumulated_checkpoints_reentrant(optimizing: Optimizing) -> Loop:
    """Every micro-batch computes its blocks again, and each counts."""
    return Supervised(Blocks("reentrant"), optimizing, noise(8, 6), follows=RELUS, micro_batches=3)


@awkward(same_as=blocks)
def checkpoints_not_reentrant(optimizing: Optimizing) -> Loop:
    """Blocks run twice with a graph; what the second run computes is not another activation."""
    return Supervised(Blocks("not reentrant"), optimizing, noise(8, 6), follows=RELUS)


class GradientPenalty(Supervised):
    """Penalizes the gradient with respect to the input, as WGAN-GP does."""

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        samples = torch.randn(8, 4, requires_grad=True)
        scores = self.model(samples)
        (slopes,) = torch.autograd.grad(scores.sum(), samples, create_graph=True)
        self.descend(probe, scores.mean() + (slopes.norm(dim=1) - 1).square().mean())


@awkward(optimizers=FIRST_ORDER, unseen=("act_grad",))
def a_gradient_penalty(optimizing: Optimizing) -> Loop:
    """WGAN-GP: a gradient inside the loss, so the graph of the backward is differentiated again."""
    return GradientPenalty(
        mlp(nn.Tanh), optimizing, noise(8, 4), follows={"0": "tanh", "2": "tanh"}
    )


class Unrolled(Supervised):
    """Differentiates through a gradient step on the parameters."""

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        inputs, targets = self.batch()
        inner = self.criterion(self.model(inputs), targets)
        gradients = torch.autograd.grad(inner, list(self.model.parameters()), create_graph=True)
        self.descend(probe, inner + sum(gradient.square().sum() for gradient in gradients))


@awkward(optimizers=FIRST_ORDER, unseen=("act_grad",))
def a_gradient_of_gradients(optimizing: Optimizing) -> Loop:
    """create_graph=True with respect to the parameters, as in meta-learning."""
    return Unrolled(mlp(nn.Tanh), optimizing, noise(8, 4), follows={"0": "tanh", "2": "tanh"})


class KeptGraph(Supervised):
    """Keeps the graph of every gradient."""

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        inputs, targets = self.batch()
        loss = self.criterion(self.model(inputs), targets)
        parameters = list(self.model.parameters())
        probe.loss(loss)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # torch warns of the very cycle that is awkward here
            torch.autograd.backward(loss, create_graph=True, inputs=parameters)
        probe.raw()
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()
        for parameter in parameters:
            parameter.grad = None
        self.losses.append(loss.detach())


@awkward(optimizers=FIRST_ORDER)
def gradients_that_require_gradients(optimizing: Optimizing) -> Loop:
    """backward(create_graph=True, inputs=…): every gradient has a graph, which must not live on."""
    return KeptGraph(mlp(nn.Tanh), optimizing, noise(8, 4), follows={"0": "tanh", "2": "tanh"})


class PerSample(Supervised):
    """Takes per-sample gradients by function transforms and steps on their mean."""

    def step(self, probe: Probe) -> None:
        inputs, targets = self.batch()
        parameters = dict(self.model.named_parameters())

        def loss(parameters: dict[str, Tensor], one: Tensor, target: Tensor) -> Tensor:
            return self.criterion(functional_call(self.model, parameters, (one,)), target)

        each = vmap(grad(loss), in_dims=(None, 0, 0))(
            {k: v.detach() for k, v in parameters.items()}, inputs, targets
        )
        for name, parameter in parameters.items():
            parameter.grad = each[name].mean(dim=0)
        probe.raw()
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()


@awkward(optimizers=FIRST_ORDER, unseen=("loss", "raw", "total"), hidden=("act",))
def function_transforms(optimizing: Optimizing) -> Loop:
    """torch.func: the model runs under vmap and grad where values cannot be read."""
    return PerSample(mlp(nn.Tanh), optimizing, noise(8, 4), follows={"0": "tanh", "2": "tanh"})
