"""Nets for pictures: a ResNet-18, a vision transformer and a U-net, all narrow."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from evaluation.real.subject import (
    EXPLODES,
    INPUTS,
    RATE,
    Loop,
    Subject,
    batch,
    drawn,
    never_drawn,
    shifted,
    supervised,
    without,
)


def pictures() -> tuple[Tensor, Tensor]:
    """Digits of 16×16 pixels, standardized, and their classes."""
    bunch = load_digits()
    x = torch.tensor(bunch.data, dtype=torch.float32).view(-1, 1, 8, 8)
    x = functional.interpolate((x - x.mean()) / x.std(), scale_factor=2.0, mode="bilinear")
    return x, torch.tensor(bunch.target)


class Basic(nn.Module):
    """Two convolutions with batch norm beside a skip, as in ResNet-18."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.skip = nn.Sequential()
        if stride > 1:
            self.skip = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.skip(x))


class ResNet(nn.Module):
    """Four stages of two blocks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.stages = nn.ModuleList(
            [
                nn.Sequential(
                    Basic(widths[i], widths[i + 1], 1 if i == 0 else 2),
                    Basic(widths[i + 1], widths[i + 1], 1),
                )
                for i in range(4)
            ]
        )
        self.head = nn.Linear(8 * width, 10)
        self.cut = False

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for place, stage in enumerate(self.stages):
            x = stage(x.detach() if self.cut and place == 2 else x)
        y: Tensor = self.head(x.mean((2, 3)))
        return y


def resnet(way: str) -> Loop:
    x, y = pictures()
    model = ResNet(8)
    if way == "init":  # the inner units of every block are off from the start
        for module in model.modules():
            if isinstance(module, Basic):
                nn.init.constant_(module.bn1.bias, -8.0)
    if way == "inputs":
        x = x.clone()
        x[::400, 0, 3, 3] = float("nan")
    if way == "norm":
        without(model, nn.BatchNorm2d)
        drawn(model, 3.0)
    model.cut = way == "wiring"
    rate = 20.0 if way == "rate" else 0.05
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)

    def loss(number: int) -> Tensor:
        rows = batch(len(x), 32, number)
        return functional.cross_entropy(model(x[rows]), y[rows])

    return supervised(model, optimizer, loss)


class Vision(nn.Module):
    """Patches of 4×4 pixels, torch's own blocks with the norm first, and the mean of all places."""

    def __init__(self, width: int, *, norm_first: bool = True) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 4, 4)
        self.places = nn.Parameter(0.02 * torch.randn(16, width))
        self.blocks = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    width, 4, 2 * width, 0.0, nn.GELU(), batch_first=True, norm_first=norm_first
                )
                for _ in range(6)
            ]
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)
        self.cut = False

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = (x.detach() if self.cut else x) + self.places
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.head(self.norm(x).mean(1))
        return y


def vit(way: str) -> Loop:
    x, y = pictures()
    model = Vision(48)
    if way == "init":
        never_drawn(model)
    if way == "inputs":
        x = x * 800 + 1000
    if way == "norm":
        without(model, nn.LayerNorm)
        drawn(model.blocks, 2.5)
    model.cut = way == "wiring"
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1 if way == "rate" else 1e-3)

    def loss(number: int) -> Tensor:
        rows = batch(len(x), 32, number)
        return functional.cross_entropy(model(x[rows]), y[rows])

    return supervised(model, optimizer, loss, clip=1.0)


def _twice(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, padding=1),
        nn.GroupNorm(4, outer),
        nn.ReLU(),
        nn.Conv2d(outer, outer, 3, padding=1),
        nn.GroupNorm(4, outer),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """Three scales with skips."""

    def __init__(self, width: int, *, registered: bool = True) -> None:
        super().__init__()
        self.down = nn.ModuleList([_twice(1, width), _twice(width, 2 * width)])
        bottom = [_twice(2 * width, 4 * width)]
        self.bottom = nn.ModuleList(bottom) if registered else bottom
        self.up = nn.ModuleList([_twice(6 * width, 2 * width), _twice(3 * width, width)])
        self.last = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        beside = []
        for part in self.down:
            x = part(x)
            beside.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottom[0](x)
        for part in self.up:
            x = functional.interpolate(x, scale_factor=2.0)
            x = part(torch.cat([x, beside.pop()], 1))
        y: Tensor = self.last(x)
        return y


def unet(way: str) -> Loop:
    clean, _ = pictures()
    if way == "inputs":
        clean = clean * 800 + 1000
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)) * clean.std()
    model = UNet(8, registered=way != "wiring")
    if way == "init":
        shifted(model.down, nn.GroupNorm, -8.0)
    if way == "norm":
        without(model, nn.GroupNorm)
        drawn(model, 5.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3.0 if way == "rate" else 2e-3)

    def loss(number: int) -> Tensor:
        rows = batch(len(clean), 16, number)
        return functional.mse_loss(model(clean[rows] + noise[rows]), clean[rows])

    return supervised(model, optimizer, loss)


SUBJECTS = (
    Subject(
        "ResNet-18",
        resnet,
        {
            "rate": (*RATE, *EXPLODES),
            "init": ("dead_relu",),
            "inputs": (*INPUTS, "loss_nonfinite"),
            "wiring": ("no_gradient",),
            "norm": EXPLODES,
        },
    ),
    Subject(
        "ViT",
        vit,
        {
            "rate": RATE,
            "init": ("zero_gradient", "weights_zero"),
            "inputs": INPUTS,
            "wiring": ("no_gradient",),
            "norm": EXPLODES,
        },
    ),
    Subject(
        "U-net",
        unet,
        {
            "rate": RATE,
            "init": ("dead_relu",),
            "inputs": INPUTS,
            "wiring": ("unregistered_layers",),
            "norm": EXPLODES,
        },
    ),
)
