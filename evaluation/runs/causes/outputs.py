"""Outputs and losses that do not fit, and stacks whose outputs become alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.causes.zero import amounts
from evaluation.runs.data import digits
from evaluation.runs.loop import multiply, supervised
from evaluation.runs.mlp import Amplifier, linears, names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(160, cause="saturated", saturated="4")
def mlp_output_saturated(c: Conditions) -> Training:
    """The layer before the tanh on the output starts sixty times too large."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)
    if c.sick:
        multiply(60.0, linears(model)[-1].weight)
    model = nn.Sequential(*model, nn.Tanh())
    batches = amounts(c, slope=0.5)
    return supervised(
        c, model, c.sgd(model, 0.02), batches, functional.mse_loss, chain=names_of(model)
    )


@sick(200, cause="double_softmax", cure="person", double_softmax="")
def mlp_softmax_twice(c: Conditions) -> Training:
    """The model ends in a softmax, and the cross-entropy applies its own."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    if c.sick:
        model = nn.Sequential(*model, nn.Softmax(-1))
    return supervised(c, model, c.adam(model, 3e-3), digits(c), chain=names_of(model))


@sick(200, cause="double_softmax", cure="person", double_softmax="")
def mlp_logits_cut_off(c: Conditions) -> Training:
    """A ReLU behind the last layer, before the cross-entropy: no logit is ever below 0."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    if c.sick:
        model = nn.Sequential(*model, nn.ReLU())
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model))


@sick(200, cause="double_softmax", cure="person", double_softmax="")
def mlp_clamped_below_its_targets(c: Conditions) -> Training:
    """Predictions of numbers around four are clamped to 0 … 1 before their error is taken."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)

    def error(output: Tensor, y: Tensor) -> Tensor:
        return functional.mse_loss(output.clamp(0.0, 1.0) if c.sick else output, y)

    return supervised(c, model, c.adam(model, 3e-3), amounts(c, 4.0), error, chain=names_of(model))


@healthy(160)
def mlp_clamped_where_its_targets_are(c: Conditions) -> Training:
    """A clamp that the targets lie within: what is beyond it is no error of theirs."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)

    def error(output: Tensor, y: Tensor) -> Tensor:
        return functional.mse_loss(output.clamp(-6.0, 6.0), y)

    return supervised(c, model, c.adam(model, 3e-3), amounts(c), error, chain=names_of(model))


def deep_norms(c: Conditions, gain: float, depth: int) -> nn.Sequential:
    """Layers, each followed by its norm, without a way around them."""
    widths = tower(c, depth, 32)
    return stack(widths, nn.ReLU, gain=gain, between=nn.LayerNorm)


@sick(160, cause="collapsed_outputs", cure="person", collapsed_outputs="")
def mlp_norms_collapse(c: Conditions) -> Training:
    """Forty ReLU layers, norms after each and no skips: every input comes out as the same."""
    model = deep_norms(c, 2**0.5, 40) if c.sick else deep_norms(c, 2**0.5, 3)
    return supervised(c, model, c.sgd(model, 0.01), digits(c), chain=names_of(model, nn.Linear))


@sick(160, cause="double_softmax", double_softmax="")
def mlp_sigmoid_below_its_targets(c: Conditions) -> Training:
    """A regression of numbers around ten ends in a sigmoid, which never gets above one."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)
    if c.sick:
        model = nn.Sequential(*model, nn.Sigmoid())
    batches = amounts(c, 10.0, 3.0)
    return supervised(
        c, model, c.adam(model, 3e-3), batches, functional.mse_loss, chain=names_of(model)
    )


@healthy(160)
def mlp_tanh_above_its_targets(c: Conditions) -> Training:
    """A tanh on the output of a regression whose targets it can reach."""
    model = nn.Sequential(*stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5), nn.Tanh())
    return supervised(
        c,
        model,
        c.adam(model, 3e-3),
        amounts(c, slope=0.6),
        functional.mse_loss,
        chain=names_of(model),
    )


@sick(200, cause="double_softmax", cure="person", double_softmax="")
def mlp_log_softmax_over_the_samples(c: Conditions) -> Training:
    """``LogSoftmax(0)``: the likelihood is taken of chances that the samples of a batch share."""
    dim = 0 if c.sick else 1
    model = nn.Sequential(*stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5), nn.LogSoftmax(dim))
    return supervised(
        c, model, c.adam(model, 3e-3), digits(c), functional.nll_loss, chain=names_of(model)
    )


@healthy(200)
def mlp_log_softmax(c: Conditions) -> Training:
    """A log-softmax at the end and the likelihood as its loss, as it should be."""
    model = nn.Sequential(*stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5), nn.LogSoftmax(-1))
    return supervised(
        c, model, c.adam(model, 3e-3), digits(c), functional.nll_loss, chain=names_of(model)
    )


class Attends(nn.Module):
    """A softmax inside: a weighted mean over eight rows of the picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scores = nn.Linear(8, width)
        self.values = nn.Linear(8, width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.view(-1, 8, 8)
        weights = torch.softmax(self.scores(rows), 1)
        y: Tensor = self.head((weights * self.values(rows)).sum(1))
        return y


@healthy(200)
def mlp_attention_inside(c: Conditions) -> Training:
    """Softmax as attention before the head, under cross-entropy."""
    model = Attends(c.width(48))
    return supervised(c, model, c.adam(model, 1e-2), digits(c), chain=("values", "head"))


@healthy(200)
def mlp_tanh_output(c: Conditions) -> Training:
    """Targets of -1 and 1 behind a tanh: at the end its outputs are near its ends, rightly."""
    model = nn.Sequential(
        *stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5), Amplifier(0.5), nn.Tanh()
    )
    batches = digits(c)
    sign = (batches.y[:, None] % 2).float() * 1.8 - 0.9
    batches = type(batches)(batches.x, sign, batches.size, c.seed)
    return supervised(
        c, model, c.adam(model, 3e-3), batches, functional.mse_loss, chain=names_of(model)
    )
