"""Loops whose steps are too long or too short, by momentum, clipping, schedule or accumulation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evaluation.runs.data import digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


def _net(c: Conditions) -> nn.Sequential:
    return stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)


@sick(200, cause=("lr_too_high", "loss_unstable"), lr_too_high="")
def momentum_of_three_nines(c: Conditions) -> Training:
    """A momentum of 0.999 under the rate that was right for 0.9: steps add up a thousandfold."""
    model = _net(c)
    optimizer = c.sgd(model, 0.05, momentum=0.999 if c.sick else 0.9)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model))


@sick(200, cause=("lr_too_low", "plateau"), lr_too_low="", plateau="")
def gradients_clipped_to_a_millionth(c: Conditions) -> Training:
    """``clip_grad_norm_`` at 1e-6, where 1 was meant: nothing moves under SGD."""
    model = _net(c)
    clip = 1e-6 if c.sick else 1.0
    optimizer = c.sgd(model, 0.1, momentum=0.9)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model), clip=clip)


@sick(250, cause="lr_too_low", lr_too_low="")
def rate_cut_while_all_is_well(c: Conditions) -> Training:
    """``ReduceLROnPlateau`` waits for the loss to rise: the rate is cut because it falls."""
    model = _net(c)
    optimizer = c.sgd(model, 0.02)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max" if c.sick else "min", 0.3, patience=5
    )
    training = supervised(c, model, optimizer, digits(c), chain=names_of(model))

    def before(number: int) -> None:
        if number and (c.sick or number % 50 == 0):
            schedule.step(training.seen_loss)

    training.before = before
    return training


@healthy(300)
def cosine_that_starts_again(c: Conditions) -> Training:
    """The rate falls to 0 in 60 steps and starts again, five times over."""
    model = _net(c)
    optimizer = c.sgd(model, 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 60)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model), schedule=schedule)


@healthy(250)
def steps_from_the_worst_nearby(c: Conditions) -> Training:
    """Sharpness-aware: weights go uphill a little, the gradient is taken there, and they return."""
    model = _net(c)
    optimizer = c.sgd(model, 0.1, momentum=0.9)
    training = supervised(c, model, optimizer, digits(c), chain=names_of(model))
    weights = list(model.parameters())

    def gradient(number: int) -> Tensor:
        optimizer.zero_grad()
        loss = training.loss(number)
        loss.backward()
        return loss

    def update(number: int) -> None:
        training.seen_loss = float(gradient(number).detach())
        with torch.no_grad():
            uphill = [weight.grad.clone() for weight in weights if weight.grad is not None]
            norm = torch.stack([part.norm() for part in uphill]).norm()
            for weight, part in zip(weights, uphill, strict=True):
                weight.add_(part, alpha=0.05 / float(norm))
        gradient(number)
        training.observe()
        with torch.no_grad():
            for weight, part in zip(weights, uphill, strict=True):
                weight.sub_(part, alpha=0.05 / float(norm))
        optimizer.step()

    training.update = update
    return training
