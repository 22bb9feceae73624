"""Layers that nothing trains: cut off, unknown to the optimizer or to the model."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from evaluation.runs.causes.wiring import rings
from evaluation.runs.cnn import convolutions
from evaluation.runs.data import Batches, images, next_character, text
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick
from evaluation.runs.transformer import LENGTH, Language


class Concatenated(nn.Module):
    """Features that are to be learnt, and a head on them."""

    def __init__(self, width: int, *, cut: bool) -> None:
        super().__init__()
        self.features = stack([64, width, width], nn.ReLU)
        self.head = nn.Linear(width, 10)
        self.cut = cut

    def forward(self, x: Tensor) -> Tensor:
        features = torch.relu(self.features(x))
        y: Tensor = self.head(features.detach() if self.cut else features)
        return y


@sick(200, cause="no_gradient", cure="person", no_gradient="features.*")
def mlp_features_detached(c: Conditions) -> Training:
    """The features are detached on their way to the head."""
    model = Concatenated(c.width(16), cut=c.sick)
    return supervised(c, model, c.adam(model, 1e-2), rings(c), chain=("features.0", "head"))


class Blocks(nn.Module):
    """Blocks behind a stem, in a list of one kind or the other."""

    def __init__(self, width: int, *, registered: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1, stride=2)
        blocks = [nn.Conv2d(width, width, 3, padding=1) for _ in range(3)]
        for block in blocks:
            nn.init.normal_(block.weight, std=0.4 / width)
        self.blocks: Iterable[nn.Module] = nn.ModuleList(blocks) if registered else tuple(blocks)
        self.head = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = torch.relu(block(x))
        y: Tensor = self.head(nn.functional.adaptive_avg_pool2d(x, 2).flatten(1))
        return y


@sick(150, cause="unregistered_layers", cure="person", unregistered_layers="")
def cnn_blocks_in_a_tuple(c: Conditions) -> Training:
    """The blocks of a net stand in a tuple."""
    model = Blocks(c.width(8), registered=not c.sick)
    return supervised(c, model, c.adam(model, 5e-3), images(c), chain=("stem", "head"))


@sick(150, cause="not_in_optimizer", not_in_optimizer="blocks.*")
def transformer_blocks_replaced(c: Conditions) -> Training:
    """New blocks were put in after the optimizer had been made; it holds the old ones."""
    model = Language(c.width(32), 2)
    optimizer = c.adam(model, 3e-3)
    fresh = Language(c.width(32), 2).blocks
    if c.sick:
        model.blocks = fresh
        # From another checkpoint, whose norms are eight times as strong.
        for norm in (m for m in model.blocks.modules() if isinstance(m, nn.LayerNorm)):
            nn.init.constant_(norm.weight, 8.0)
    batches = text(c, LENGTH)
    few = Batches(batches.x[:24], batches.y[:24], batches.size, c.seed)
    return supervised(c, model, optimizer, few, next_character, chain=("token", "norm", "head"))


@healthy(150)
def cnn_head_first(c: Conditions) -> Training:
    """The head alone for 60 steps, then everything: the body gets its gradients later."""
    model = convolutions(c, 3, norm=True)
    body = [p for module in list(model)[:-1] for p in module.parameters()]
    optimizer = torch.optim.Adam(model.parameters(), lr=c.rate(1e-2))
    training = supervised(
        c, model, optimizer, images(c), chain=names_of(model, nn.Conv2d, nn.Linear)
    )

    def before(step: int) -> None:
        for parameter in body:
            parameter.requires_grad = step >= 60

    before(0)
    training.before = before
    return training
