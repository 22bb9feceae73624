"""Loops with a line in the wrong place, or with one line too few.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(150, cause=("no_step", "plateau"), cure="person", plateau="")
def mlp_cleared_too_soon(c: Conditions) -> Training:
    """``zero_grad`` stands between ``backward`` and ``step``: there is nothing to step by."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    optimizer = c.adam(model, 3e-3)
    training = supervised(c, model, optimizer, digits(c), chain=names_of(model))

    def update(number: int) -> None:
        if not c.sick:
            optimizer.zero_grad()
        loss = training.loss(number)
        training.seen_loss = float(loss.detach())
        loss.backward()
        training.observe()
        if c.sick:
            optimizer.zero_grad()
        optimizer.step()

    training.update = update
    return training


def _taught(c: Conditions, *, clear_student: bool) -> Training:
    """A student that learns from labels and from a teacher, which follows it slowly."""
    batches = digits(c)
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    teacher = deepcopy(model)
    optimizer = c.sgd(model, 0.1)

    def loss(number: int) -> Tensor:
        x, y = batches[number]
        with torch.no_grad():
            advice = teacher(x + 0.1).softmax(1)
        output = model(x)
        own = functional.cross_entropy(output, y)
        return (own + 0.2 * functional.cross_entropy(output, advice)) * c.loss_scale

    def update(number: int) -> None:
        (model if clear_student else teacher).zero_grad()
        now = loss(number)
        training.seen_loss = float(now.detach())
        now.backward()
        training.observe()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 0.05)

    def probe() -> Tensor:
        x, y = batches.probe
        return functional.cross_entropy(model(x), y)

    training = Training(model, optimizer, loss, probe, chain=names_of(model), update=update)
    return training


@sick(200, cause="gradients_not_cleared", cure="person", gradients_not_cleared="")
def teacher_cleared_instead(c: Conditions) -> Training:
    """``teacher.zero_grad()`` where the student's was meant: its gradients add up forever."""
    return _taught(c, clear_student=not c.sick)


@healthy(250)
def teacher_follows(c: Conditions) -> Training:
    """The same as it should be: the goal of part of the loss moves with the student."""
    return _taught(c, clear_student=True)


@sick(120, cause="fp16_underflow", fp16_underflow="*")
def autoencoder_half_without_scaler(c: Conditions) -> Training:
    """fp16 without a scaler, under a loss of a millionth: one of many terms, with a weight."""
    model = stack([64, c.width(48), 16, c.width(48), 64], nn.ReLU, gain=2**0.5)
    scaler = None if c.sick else torch.amp.GradScaler("cpu", init_scale=2.0**16)
    return supervised(
        c,
        model,
        c.adam(model, 3e-3),
        digits(c).to_themselves(),
        functional.mse_loss,
        chain=names_of(model),
        precision=torch.float16,
        scale=1e-6,
        scaler=scaler,
    )
