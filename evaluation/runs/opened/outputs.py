"""Outputs and losses that do not fit, and stacks whose outputs become alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.causes.rates import short_text
from evaluation.runs.cnn import chain_of, convolutions
from evaluation.runs.data import Batches, digits, images, next_character, text
from evaluation.runs.loop import fill, supervised
from evaluation.runs.mlp import linears, names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick
from evaluation.runs.transformer import Attention, Language


@sick(160, cause="saturated", saturated="4")
def autoencoder_output_saturated(c: Conditions) -> Training:
    """The sigmoid on the output starts at its upper end for every pixel."""
    model = stack([64, c.width(48), c.width(24), 64], nn.ReLU, gain=2**0.5)
    if c.sick:
        fill(8.0, linears(model)[-1].bias)
    model = nn.Sequential(*model, nn.Sigmoid())
    batches = digits(c)
    batches = Batches(batches.x, torch.sigmoid(batches.x), batches.size, c.seed)
    return supervised(
        c, model, c.sgd(model, 0.5), batches, functional.mse_loss, chain=names_of(model)
    )


@sick(150, cause="double_softmax", cure="person", double_softmax="")
def cnn_softmax_twice(c: Conditions) -> Training:
    """``forward`` returns probabilities, and the cross-entropy takes them for scores."""
    model = convolutions(c, 3)
    if c.sick:
        model = nn.Sequential(*model, nn.Softmax(1))
    return supervised(c, model, c.adam(model, 5e-3), images(c), chain=chain_of(model))


class PostNorm(nn.Module):
    """A block with its norms last, and its skips faded."""

    def __init__(self, width: int, skip: float) -> None:
        super().__init__()
        self.skip = skip
        self.attention = Attention(width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.norm_mlp = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.skip * x + self.attention(x))
        y: Tensor = self.norm_mlp(self.skip * x + self.mlp(x))
        return y


@sick(150, cause="collapsed_outputs", cure="person", collapsed_outputs="")
def transformer_post_norm_collapses(c: Conditions) -> Training:
    """Eight blocks with norms last, whose skips carry a twentieth: all places come out alike."""
    width = c.width(32)
    model = Language(width, 1)
    model.blocks = nn.Sequential(*[PostNorm(width, 0.05 if c.sick else 1.0) for _ in range(8)])
    return supervised(
        c,
        model,
        c.sgd(model, 0.1),
        short_text(c),
        next_character,
        chain=("token", "norm", "head"),
    )


CHAIN_OF_ONE = ("experts.0.0", "experts.0.2")


class Mixture(nn.Module):
    """A gate of softmax over four experts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(64, 4)
        self.experts = nn.ModuleList(
            [nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10)) for _ in range(4)]
        )

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.softmax(self.gate(x), -1)
        answers = torch.stack([expert(x) for expert in self.experts], -1)
        y: Tensor = (answers * weights[:, None]).sum(-1)
        return y


@healthy(150)
def mlp_mixture(c: Conditions) -> Training:
    """A softmax that weighs experts, right before the outputs."""
    model = Mixture(c.width(24))
    return supervised(
        c, model, c.adam(model, 5e-3), digits(c), chain=("experts.0.0", "experts.0.2")
    )


@healthy(150)
def transformer_explicit_softmax(c: Conditions) -> Training:
    """Attention whose softmax is written out, in a language model."""

    class Written(Attention):
        def forward(self, x: Tensor) -> Tensor:
            count, length, width = x.shape
            q, k, v = self.qkv(x).view(count, length, 3, width).unbind(2)
            scores = q @ k.transpose(1, 2) / width**0.5
            hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
            seen = torch.softmax(scores.masked_fill(hidden, float("-inf")), -1) @ v
            y: Tensor = self.out(seen)
            return y

    width = c.width(32)
    model = Language(width, 2)
    for block in model.blocks:
        block.attention = Written(width)
    return supervised(
        c,
        model,
        c.adam(model, 5e-3),
        text(c, 16),
        next_character,
        chain=("token", "norm", "head"),
    )
