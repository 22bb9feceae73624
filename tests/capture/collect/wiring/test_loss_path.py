"""The operations between the loss and the layers nearest to it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwidget.capture.collect.wiring.loss_path import LONGEST, operation
from tests.capture.collect.wiring.loop import Loss, Watch, mean_square, wiring


def cross_entropy(output: Any) -> Tensor:
    return functional.cross_entropy(output, torch.zeros(8, dtype=torch.long))


def language_loss(output: Any) -> Tensor:
    return functional.cross_entropy(
        output.view(2, 4, 3)[:, :-1].reshape(-1, 3).float(), torch.zeros(6, dtype=torch.long)
    )


@pytest.mark.parametrize(
    ("after", "loss", "expected"),
    [
        (nn.Identity(), mean_square, ["mean", "pow"]),
        (nn.Identity(), cross_entropy, ["nll_loss", "log_softmax"]),
        (nn.Softmax(-1), cross_entropy, ["nll_loss", "log_softmax", "softmax"]),
        (nn.Identity(), language_loss, ["nll_loss", "log_softmax"]),
        (
            nn.Sigmoid(),
            lambda y: functional.binary_cross_entropy_with_logits(y, torch.ones(8, 3)),
            ["binary_cross_entropy_with_logits", "sigmoid"],
        ),
        (nn.Identity(), lambda y: y.abs().clamp(0, 1).sum() / 8, ["div", "sum", "clamp", "abs"]),
        (
            nn.Tanh(),
            lambda y: functional.smooth_l1_loss(y, torch.ones(8, 3)),
            ["smooth_l1_loss", "tanh"],
        ),
    ],
)
def test_operations_are_named_from_the_loss_down(
    watch: Watch, after: nn.Module, loss: Loss, expected: list[str]
) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1), nn.Linear(4, 3), after)
    assert list(wiring(watch, model, 8, 4, loss=loss).loss_path) == expected


def test_layers_that_are_not_watched_end_the_path_too_and_are_named(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1), nn.Linear(4, 3))
    found = wiring(watch, model, 8, 4, loss=cross_entropy, layers="0")
    assert found.loss_path == ("nll_loss", "log_softmax", "addmm")


def test_a_factor_that_is_learned_does_not_end_it(watch: Watch) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.scale = nn.Linear(4, 3), nn.Parameter(torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            return torch.as_tensor(self.head(x).softmax(-1) * self.scale)

    found = wiring(watch, Scaled(), 8, 4, loss=cross_entropy)
    assert found.loss_path == ("nll_loss", "log_softmax", "mul", "softmax")


def test_long_paths_are_cut_off(watch: Watch) -> None:
    functions = ["sin", "cos", "exp", "tanh", "sigmoid", "erf", "atan", "asinh", "log1p", "sqrt"]
    functions += ["abs", "neg", "square", "relu", "softplus", "silu", "gelu", "mish", "elu"]
    functions += ["selu", "celu", "hardtanh", "hardswish", "logsigmoid", "tan", "sinh", "cosh"]
    functions += ["expm1", "rsqrt", "reciprocal", "sigmoid", "exp2", "log2", "log10", "log"]

    def loss(output: Any) -> Tensor:
        for name in functions:
            output = (getattr(torch, name, None) or getattr(functional, name))(output.abs() + 1)
        return torch.as_tensor(output.sum())

    model = nn.Linear(4, 1)
    assert len(wiring(watch, model, 1, 4, loss=loss, steps=1).loss_path) == LONGEST


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("NllLossBackward0", "nll_loss"),
        ("NllLoss2DBackward0", "nll_loss2d"),
        ("BinaryCrossEntropyWithLogitsBackward0", "binary_cross_entropy_with_logits"),
        ("ClampBackward1", "clamp"),
        ("PowBackward0", "pow"),
        ("SmoothL1LossBackward0", "smooth_l1_loss"),
        ("MaxPool2DWithIndicesBackward0", "max_pool2d_with_indices"),
        ("Log1PBackward0", "log1p"),
        ("TanhBackwardBackward0", "tanh"),
        ("torch::autograd::CopySlices", "copy_slices"),
    ],
)
def test_operations_have_torch_s_own_names(node: str, expected: str) -> None:
    assert operation(node) == expected
