"""Nets that solve an equation, or learn how to learn: gradients of gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from evaluation.runs.mlp import names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick


def _slope(y: Tensor, x: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(
        y.sum(), x, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return slope


def _equation(c: Conditions, bend: type[nn.Module]) -> Training:
    """u'' = -u on [0, 3] from u(0) = 0 and u'(0) = 1, whose solution is a sine."""
    model = stack([1, c.width(32), c.width(32), 1], bend)
    size = c.batch(64)

    def wrong(x: Tensor) -> Tensor:
        x = x.requires_grad_()
        # What holds at 0 is built in; the net gives the rest.
        u = x + x.square() * model(x)
        found: Tensor = (_slope(_slope(u, x), x) + u).square().mean()
        return found

    def loss(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(c.seed * 1_000_003 + number)
        return wrong(3 * torch.rand(size, 1, generator=generator)) * c.loss_scale

    def probe() -> Tensor:
        with torch.enable_grad():
            return wrong(torch.linspace(0, 3, 100)[:, None]).detach()

    return Training(model, c.adam(model, 2e-3), loss, probe, chain=names_of(model))


@healthy(250)
def equation_of_a_swing(c: Conditions) -> Training:
    """A net is fitted to a differential equation: its own second derivative is in the loss."""
    return _equation(c, nn.Tanh)


def _heat(c: Conditions, bend: type[nn.Module]) -> Training:
    """u'' = 10 sin(3x) on [-2, 2], and u = 0 at both ends."""
    model = stack([1, c.width(32), c.width(32), 1], bend)
    size = c.batch(64)

    def wrong(x: Tensor) -> Tensor:
        x = x.requires_grad_()
        inside = _slope(_slope(model(x), x), x) - 10 * torch.sin(3 * x)
        ends = model(torch.tensor([[-2.0], [2.0]]))
        found: Tensor = inside.square().mean() + ends.square().mean()
        return found

    def loss(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(c.seed * 1_000_003 + number)
        return wrong(4 * torch.rand(size, 1, generator=generator) - 2) * c.loss_scale

    def probe() -> Tensor:
        with torch.enable_grad():
            return wrong(torch.linspace(-2, 2, 100)[:, None]).detach()

    return Training(model, c.adam(model, 5e-3), loss, probe, chain=names_of(model))


@sick(250, cause="plateau", cure="person", plateau="")
def equation_asked_of_relus(c: Conditions) -> Training:
    """The loss holds a second derivative, and that of a net of ReLUs is 0 everywhere."""
    return _heat(c, nn.ReLU if c.sick else nn.Tanh)


@healthy(250)
def learner_of_sines(c: Conditions) -> Training:
    """One inner step on each of four sines, and the gradient through it (MAML)."""
    model = stack([1, c.width(40), c.width(40), 1], nn.Tanh)
    names = [name for name, _ in model.named_parameters()]

    def after_one_step(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        errors = []
        for _ in range(4):
            phase = math.pi * torch.rand(1, generator=generator)
            x = 6 * torch.rand(20, 1, generator=generator) - 3
            y = torch.sin(x + phase)
            weights = [model.get_parameter(name) for name in names]
            known = functional.mse_loss(model(x[:10]), y[:10])
            slopes = torch.autograd.grad(known, weights, create_graph=True)
            moved = {n: w - 0.1 * s for n, w, s in zip(names, weights, slopes, strict=True)}
            errors.append(functional.mse_loss(functional_call(model, moved, (x[10:],)), y[10:]))
        return torch.stack(errors).mean()

    def loss(number: int) -> Tensor:
        return after_one_step(c.seed * 1_000_003 + number) * c.loss_scale

    def probe() -> Tensor:
        with torch.enable_grad():
            return torch.stack([after_one_step(-k) for k in range(1, 9)]).mean().detach()

    return Training(model, c.adam(model, 5e-3), loss, probe, chain=names_of(model))
