"""Models for the screenshots: any number of layers, healthy or sick in one way.

The tests put this file's text into a first cell, since a kernel does not see the tests. Orthogonal
layers pass a gradient on unchanged however many they are; what each of them gains or loses besides
is put in by hand.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gradwidget import GradWidget

WIDTH = 8
STEPS = {4: 44, 24: 44, 60: 44, 300: 22, 1000: 14}
"""Steps of training by number of layers: enough for a diagnosis, and few enough for a test."""

GAINS = {"healthy": 1.0, "vanishing": 1e-9, "exploding": 1e5, "non-finite": 1.0}
"""What a gradient is multiplied by on its way through the whole model."""


class OnTheWayBack(torch.autograd.Function):
    """Multiplies the gradient, and the gradient alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: float) -> Tensor:
        ctx.gain = gain
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * ctx.gain, None


class Chain(nn.Module):
    """Linear layers under the names given, one after the other.

    Args:
        names: dotted module paths; the modules in between are made.
        gain: what the gradient is multiplied by in all.
    """

    def __init__(self, names: list[str], gain: float) -> None:
        super().__init__()
        self.gains = (gain * 10 ** torch.randn(len(names)).mul(0.7)).pow(1 / len(names)).tolist()
        self.path: list[str] = names
        for name in names:
            owner: nn.Module = self
            *parents, last = name.split(".")
            for parent in parents:
                if parent not in owner._modules:
                    owner.add_module(parent, nn.Module())
                owner = owner.get_submodule(parent)
            layer = nn.Linear(WIDTH, WIDTH)
            nn.init.orthogonal_(layer.weight)
            owner.add_module(last, layer)

    def forward(self, x: Tensor) -> Tensor:
        for name, gain in zip(self.path, self.gains, strict=True):
            x = OnTheWayBack.apply(self.get_submodule(name)(x), gain)  # type: ignore[no-untyped-call] # torch's
        return x


def names(count: int) -> list[str]:
    """Layer names of a model of that size: a perceptron, a convolutional network, a transformer."""
    if count <= 24:
        return [f"hidden{i}" for i in range(1, count)] + ["output"]
    if count <= 60:
        inside = ["conv1", "bn1", "conv2", "bn2"]
        blocks = [
            f"layer{1 + i // 4}.{i % 4}.{part}"
            for i in range(count // len(inside))
            for part in inside
        ]
        return ["conv1", *blocks[: count - 2], "fc"]
    inside = [
        "norm1",
        "attention.query",
        "attention.key",
        "attention.value",
        "attention.output",
        "norm2",
    ]
    inside += ["mlp.up_projection", "mlp.down_projection"]
    blocks = [
        f"transformer.encoder.layers.{i}.{part}"
        for i in range(count // len(inside) + 1)
        for part in inside
    ]
    return [
        "transformer.embedding",
        *blocks[: count - 3],
        "transformer.final_norm",
        "language_model_head",
    ]


def trained(count: int, condition: str) -> GradWidget:
    """A widget on a model of ``count`` layers, after a few steps."""
    torch.manual_seed(count)
    torch.set_num_threads(1)
    model = Chain(names(count), GAINS[condition])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3 / max(1.0, GAINS[condition]))
    widget = GradWidget(model, budget=None)
    target = torch.randn(WIDTH, WIDTH)
    for step in range(STEPS[count]):
        if condition == "non-finite" and step == STEPS[count] - 5:
            model.gains[count // 2] = torch.inf
        x = torch.randn(16, WIDTH)
        loss = (model(x) - x @ target).square().mean() / 10
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        widget.log(val_loss=1.1 * loss.detach())
    widget.close()
    return widget
