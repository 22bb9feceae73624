"""Classifiers of digits whose loss is not what its author meant."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, sick


def _ending_in(c: Conditions, last: nn.Module | None) -> nn.Sequential:
    """Two hidden layers, and another module after the last layer."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    if last is not None:
        model.append(last)
    return model


@sick(250, cause=("double_softmax", "plateau"), cure="person", plateau="")
def softmax_over_the_batch(c: Conditions) -> Training:
    """``Softmax(dim=0)``: the samples of a batch share a chance of 1, not the classes."""
    model = _ending_in(c, nn.Softmax(0) if c.sick else None)
    return supervised(c, model, c.adam(model, 3e-3), digits(c), chain=names_of(model))


@sick(
    250,
    cause=("double_softmax", "saturated"),
    cure="person",
    double_softmax="",
    saturated="*",
)
def labels_through_two_sigmoids(c: Conditions) -> Training:
    """The model ends in a sigmoid, and ``binary_cross_entropy_with_logits`` takes one as well."""
    model = _ending_in(c, nn.Sigmoid() if c.sick else None)
    batches = digits(c)
    batches = Batches(batches.x, functional.one_hot(batches.y).float(), batches.size, c.seed)
    loss = functional.binary_cross_entropy_with_logits
    return supervised(c, model, c.adam(model, 3e-3), batches, loss, chain=names_of(model))


@sick(150, cause=("loss_detached", "no_gradient"), cure="person", loss_detached="")
def digits_judged_by_argmax(c: Conditions) -> Training:
    """The loss compares the ``argmax``; ``requires_grad_`` on it silences the error."""
    model = _ending_in(c, None)
    batches = digits(c)
    training = supervised(c, model, c.adam(model, 3e-3), batches, chain=names_of(model))

    def loss(number: int) -> Tensor:
        x, y = batches[number]
        guess = model(x).argmax(1).float().requires_grad_()
        return functional.mse_loss(guess, y.float())

    if c.sick:
        training.loss = loss
    return training


@sick(150, cause="zero_gradient", cure="person", zero_gradient="*")
def digits_rounded_to_whole(c: Conditions) -> Training:
    """The digit is a number to predict, rounded to a whole one before it is compared."""
    model = stack([*tower(c, 2, 64)[:-1], 1], nn.ReLU, gain=2**0.5)

    def error(output: Tensor, y: Tensor) -> Tensor:
        guess = output.squeeze(1)
        return functional.mse_loss(torch.round(guess) if c.sick else guess, y.float())

    return supervised(c, model, c.adam(model, 3e-3), digits(c), error, chain=names_of(model))
