"""Bugs of the loop that raise no error, and loops that look like them and are right."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from evaluation.runs.cnn import chain_of, convolutions
from evaluation.runs.data import Batches, digits, images
from evaluation.runs.loop import supervised, with_loop_bug
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


def plain(c: Conditions, rate: float = 0.1, batches: Batches | None = None) -> Training:
    """Two hidden layers under SGD."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    return supervised(c, model, c.sgd(model, rate), batches or digits(c), chain=names_of(model))


@sick(200, cause="gradients_not_cleared", cure="person", gradients_not_cleared="")
def mlp_never_cleared(c: Conditions) -> Training:
    """No ``zero_grad`` anywhere: every step follows the sum of all gradients so far."""
    return with_loop_bug(plain(c), clear=not c.sick)


@sick(150, cause="no_step", cure="person", no_step="")
def mlp_never_stepped(c: Conditions) -> Training:
    """``backward`` runs and no optimizer ever steps."""
    return with_loop_bug(plain(c), step=not c.sick)


@sick(150, cause="loss_detached", cure="person", loss_detached="")
def mlp_loss_created_again(c: Conditions) -> Training:
    """The loss is made again from its value, with ``requires_grad`` so that no error is raised."""
    return with_loop_bug(plain(c), attached=not c.sick)


class Stuck(Batches):
    """One batch, whatever its number: the first of a loader that has more."""

    @cached_property
    def loader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(TensorDataset(self.x, self.y), self.size)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        del number
        x, y = next(iter(self.loader))
        return x, y


def stuck(batches: Batches) -> Batches:
    """The first of the batches at every step, as ``next(iter(loader))`` in the loop gives it."""
    return Stuck(batches.x, batches.y, batches.size, batches.seed)


@sick(200, cause="same_batch", cure="person", same_batch="")
def mlp_first_batch_for_ever(c: Conditions) -> Training:
    """The loop asks a new iterator for its first batch at every step."""
    batches = digits(c, 32)
    return plain(c, 0.1, stuck(batches) if c.sick else batches)


def fixed_norms(model: nn.Module) -> None:
    """Every norm layer in evaluation mode, for good."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.eval()


@sick(130, cause="eval_mode", cure="person", eval_mode="")
def cnn_trained_in_eval(c: Conditions) -> Training:
    """``model.eval()`` before the first epoch and no ``train()`` since: its norms do nothing."""
    model = convolutions(c, 6, 12, norm=True, gain=0.6)
    if c.sick:
        model.eval()
    optimizer = c.sgd(model, 0.05, momentum=0.9)
    return supervised(c, model, optimizer, images(c), chain=chain_of(model))


@healthy(130)
def cnn_norms_frozen(c: Conditions) -> Training:
    """Fine-tuning with the statistics of the norms kept, on purpose; all else is in training."""
    model = convolutions(c, 3, norm=True)
    model.train()
    for number in range(30):  # where it was trained before
        model(images(c)[number][0])
    fixed_norms(model)
    return supervised(c, model, c.adam(model, 3e-3), images(c), chain=chain_of(model))


@healthy(200)
def mlp_accumulates_in_place(c: Conditions) -> Training:
    """Four backward passes, then one step and one ``zero_grad``, which stands after the step."""
    training = plain(c, 0.1, digits(c, 16))

    def update(number: int) -> None:
        seen = 0.0
        for part in range(4):
            loss = training.loss(number * 4 + part) / 4
            loss.backward()
            seen += float(loss.detach())
        training.seen_loss = seen
        training.observe()
        training.optimizer.step()
        training.optimizer.zero_grad(set_to_none=False)

    training.update = update
    return training


@healthy(150)
def mlp_whole_data_at_once(c: Conditions) -> Training:
    """Gradient descent on all there is: 300 samples, the same tensor at every step."""
    batches = digits(c)
    few = Batches(batches.x[:300], batches.y[:300], 300, c.seed)
    everything = few.x, few.y
    training = plain(c, 0.3, few)
    model = training.model

    def loss(number: int) -> Tensor:
        del number
        x, y = everything
        return torch.nn.functional.cross_entropy(model(x), y) * c.loss_scale

    training.loss = loss
    training.probe = lambda: torch.nn.functional.cross_entropy(model(few.x), few.y)
    return training
