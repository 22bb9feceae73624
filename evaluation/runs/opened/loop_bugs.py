"""Bugs of the loop that raise no error, and loops that look like them and are right."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.causes.loop_bugs import stuck
from evaluation.runs.cnn import chain_of, convolutions
from evaluation.runs.data import adding, digits, images
from evaluation.runs.loop import supervised, with_loop_bug
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.recurrent import LastStep
from evaluation.runs.run import Conditions, Training, healthy, sick


def _pictures(c: Conditions) -> Training:
    model = convolutions(c, 3, 12)
    return supervised(c, model, c.adam(model, 5e-3), images(c), chain=chain_of(model))


@sick(200, cause="gradients_not_cleared", cure="person", gradients_not_cleared="")
def recurrent_never_cleared(c: Conditions) -> Training:
    """A GRU on the adding problem whose gradients are never cleared."""
    model = LastStep(nn.GRU(2, c.width(24), batch_first=True), 1)
    training = supervised(
        c, model, c.sgd(model, 0.5), adding(c, 8), functional.mse_loss, chain=("rnn", "head")
    )
    return with_loop_bug(training, clear=not c.sick)


@sick(120, cause="no_step", cure="person", no_step="")
def cnn_never_stepped(c: Conditions) -> Training:
    """The line with ``optimizer.step()`` went with a merge."""
    return with_loop_bug(_pictures(c), step=not c.sick)


@sick(120, cause="loss_detached", cure="person", loss_detached="")
def cnn_loss_from_item(c: Conditions) -> Training:
    """``torch.tensor(loss.item(), requires_grad=True)``: it has no graph."""
    return with_loop_bug(_pictures(c), attached=not c.sick)


@sick(150, cause="same_batch", cure="person", same_batch="")
def cnn_first_batch_for_ever(c: Conditions) -> Training:
    """The same eight pictures at every step."""
    model = convolutions(c, 3, 12)
    batches = stuck(images(c, 8)) if c.sick else images(c, 32)
    return supervised(c, model, c.adam(model, 5e-3), batches, chain=chain_of(model))


@sick(150, cause="eval_mode", cure="person", eval_mode="")
def mlp_trained_in_eval(c: Conditions) -> Training:
    """Validation called ``eval()`` and nobody ``train()``: norms with stale statistics."""
    model = stack(tower(c, 8, 48), nn.ReLU, gain=0.5, between=nn.BatchNorm1d)
    if c.sick:
        model.eval()
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model, nn.Linear))


@healthy(200)
def mlp_cleared_after(c: Conditions) -> Training:
    """``zero_grad`` at the end of the step, and a tied pair of layers."""
    width = c.width(48)
    model = stack([64, width, width, 10], nn.ReLU, gain=2**0.5)
    training = supervised(c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model))

    def update(number: int) -> None:
        loss = training.loss(number)
        training.seen_loss = float(loss.detach())
        loss.backward()
        training.observe()
        training.optimizer.step()
        model.zero_grad()

    training.update = update
    return training


@healthy(200)
def mlp_dropout_in_eval_between(c: Conditions) -> Training:
    """Every tenth step is followed by a validation in ``eval()``, and ``train()`` after it."""
    widths = tower(c, 2, 64)
    model = nn.Sequential(
        *stack(widths[:-1], nn.ReLU, gain=2**0.5),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(widths[-2], 10),
    )
    training = supervised(c, model, c.adam(model, 5e-3), digits(c), chain=names_of(model))

    def before(step: int) -> None:
        if step % 10 == 9:
            model.eval()
            with torch.no_grad():
                training.probe()
            model.train()

    training.before = before
    return training


@healthy(150)
def mlp_two_terms(c: Conditions) -> Training:
    """A target made by the model itself, rightly detached, beside the loss."""
    model = stack(tower(c, 2, 48), nn.ReLU, gain=2**0.5)

    def criterion(logits: Tensor, y: Tensor) -> Tensor:
        own = torch.softmax(logits.detach(), -1)
        return functional.cross_entropy(logits, y) + 0.1 * functional.cross_entropy(logits, own)

    return supervised(c, model, c.sgd(model, 0.1), digits(c), criterion, chain=names_of(model))
