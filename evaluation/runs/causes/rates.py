"""Learning rates and decays far from right, and losses of an unusual sign or start."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.causes.zero import amounts
from evaluation.runs.data import Batches, alphabet_size, digits, next_character, text
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick
from evaluation.runs.transformer import CHAIN, LENGTH, Language


@sick(300, cause=("lr_too_high", "loss_diverging"), loss_diverging="", lr_too_high="")
def mlp_slow_divergence(c: Conditions) -> Training:
    """A linear regression a little beyond the largest rate that is stable: up by 5 % a step."""
    model = nn.Sequential(nn.Linear(64, 1))
    batches = amounts(c)
    features = torch.cat([batches.x, torch.ones(len(batches.x), 1)], 1)
    sharpest = float(torch.linalg.eigvalsh(2 * features.T @ features / len(features))[-1])
    rate = (2.03 if c.sick else 0.5) / sharpest / c.loss_scale
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    full = type(batches)(batches.x, batches.y, 1024, c.seed)
    return supervised(c, model, optimizer, full, functional.mse_loss)


@sick(250, cause="weights_shrinking", weights_shrinking="*")
def mlp_decay_kills(c: Conditions) -> Training:
    """Six tanh layers under a decay of 2 % a step: weights go, then gradients do."""
    model = stack(tower(c, 6, 48), nn.Tanh, gain=1.2)
    optimizer = c.sgd(model, 0.05)
    if c.sick:
        optimizer.param_groups[0]["weight_decay"] = 0.02 / optimizer.param_groups[0]["lr"]
    return supervised(c, model, optimizer, digits(c), chain=names_of(model))


class Tied(Language):
    """A language model whose head is its embedding of unit variance: its first loss is far off."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__(width, blocks)
        nn.init.normal_(self.token.weight)
        self.head = nn.Linear(width, alphabet_size(), bias=False)
        self.head.weight = self.token.weight


def short_text(c: Conditions) -> Batches:
    """So little text that it can be learnt by heart."""
    batches = text(c, LENGTH)
    return Batches(batches.x[:32], batches.y[:32], batches.size, c.seed)


@sick(250, cause="lr_too_high", lr_too_high="")
def transformer_bad_start_too_fast(c: Conditions) -> Training:
    """Tied embeddings of unit variance, and AdamW at thirty times the right rate, clipped."""
    model = Tied(c.width(64), 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=c.rate(6e-2 if c.sick else 2e-3))
    return supervised(c, model, optimizer, short_text(c), next_character, chain=CHAIN, clip=1.0)


@healthy(200)
def transformer_bad_start(c: Conditions) -> Training:
    """The same at a rate that is right: a loss of thirty at first, and then it learns."""
    model = Tied(c.width(64), 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=c.rate(3e-3))
    return supervised(c, model, optimizer, short_text(c), next_character, chain=CHAIN, clip=1.0)


@sick(200, cause="lr_too_low", lr_too_low="", plateau="")
def mlp_adam_too_slow(c: Conditions) -> Training:
    """Adam at 3e-8."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    optimizer = c.adam(model, 3e-8 if c.sick else 3e-3)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model))


@sick(200, cause="lr_too_low", lr_too_low="", plateau="")
def mlp_divided_by_eps(c: Conditions) -> Training:
    """Adam with an eps of 100, as if it were a number of epochs: the steps are next to nothing."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    eps = 100.0 if c.sick else 1e-8
    optimizer = torch.optim.Adam(model.parameters(), c.rate(3e-3), eps=eps)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model))


def clipped(c: Conditions, bound: float) -> Training:
    """SGD with momentum at a usual rate, the norm of its gradients clipped."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    optimizer = c.sgd(model, 0.05, momentum=0.9)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model), clip=bound)


@sick(200, cause="lr_too_low", lr_too_low="", plateau="")
def mlp_clipped_to_nothing(c: Conditions) -> Training:
    """Clipping at a norm of 0.001: momentum keeps the steps above what counts as no change."""
    return clipped(c, 1e-3 if c.sick else 1.0)


@healthy(200)
def mlp_clipped_tightly(c: Conditions) -> Training:
    """Clipping at a norm of 0.1, as of a tenth of the gradient: slower, and it learns."""
    return clipped(c, 0.1)


def likelihood(output: Tensor, y: Tensor) -> Tensor:
    """Negative log-likelihood of a normal distribution with the spread that the model gives."""
    mean, spread = output.chunk(2, -1)
    spread = spread.clamp(-8, 8)
    loss: Tensor = ((y - mean).square() * torch.exp(-spread) + spread).mean() / 2
    return loss


def policy(c: Conditions, rate: float, *, baseline: bool) -> Training:
    """A policy gradient on the digits as a bandit: the reward of the right answer is 1.

    Its loss says nothing: with the batch's mean as a baseline it starts at 0 and stays near.
    """
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    batches = digits(c, 128)
    optimizer = c.adam(model, rate)

    def loss(number: int) -> Tensor:
        x, y = batches[number]
        chances = torch.distributions.Categorical(logits=model(x))
        answer = chances.sample()
        reward = (answer == y).float()
        advantage = reward - reward.mean() if baseline else reward
        lost: Tensor = -(advantage * chances.log_prob(answer)).mean() * c.loss_scale
        return lost

    def probe() -> Tensor:
        x, y = batches.probe
        return 1 - torch.softmax(model(x), -1).gather(1, y[:, None]).mean()

    return Training(model, optimizer, loss, probe, chain=names_of(model))


@healthy(300)
def mlp_negative_loss(c: Conditions) -> Training:
    """A likelihood with a learnt spread: the loss falls through 0."""
    model = stack([*tower(c, 2, 64)[:-1], 2], nn.ReLU, gain=2**0.5)
    batches = amounts(c, slope=0.2)
    return supervised(c, model, c.adam(model, 1e-3), batches, likelihood, chain=names_of(model))


@healthy(300)
def mlp_policy_gradient(c: Conditions) -> Training:
    """Rewards beside their mean: a loss that is near 0 from first to last."""
    return policy(c, 5e-3, baseline=True)


@sick(250, cause="lr_too_high", lr_too_high="")
def mlp_policy_too_fast(c: Conditions) -> Training:
    """The same game at sixty times the rate: the policy freezes on one answer."""
    return policy(c, 0.3 if c.sick else 5e-3, baseline=True)
