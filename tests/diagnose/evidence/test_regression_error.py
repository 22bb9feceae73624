"""The distance from the targets, against the targets themselves."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwidget import GradMonitor
from gradwidget.diagnose.evidence.regression_error import first_residual, outweighing
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.remedies.scale_targets import scale_targets

Loss = Callable[[Tensor, Tensor], Tensor]


def measured(loss: Loss, *, squash: bool = False, outputs: int = 3) -> tuple[float, float, float]:
    """What is found, and the true root mean square and mean size of the differences."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, outputs))
    x, y = torch.randn(32, 5), 700 + 60 * torch.randn(32, outputs)
    with torch.no_grad():
        apart = model(x) - y
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-12)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(4):
            optimizer.zero_grad()
            output = model(x)
            loss(output.sigmoid() if squash else output, y).backward()
            optimizer.step()
        found = first_residual(Window(monitor.history))
    return found, float(apart.square().mean().sqrt()), float(apart.abs().mean())


@pytest.mark.parametrize(
    "loss",
    [
        functional.mse_loss,
        lambda a, b: functional.mse_loss(a, b, reduction="sum"),
        lambda a, b: (a - b).pow(2).sum(1).mean() / 7,
    ],
    ids=["mean", "sum", "by hand"],
)
def test_of_squared_errors_whatever_their_weight(loss: Loss) -> None:
    found, square, _ = measured(loss)
    assert found == pytest.approx(square, rel=1e-3)


@pytest.mark.parametrize("loss", [functional.l1_loss, functional.smooth_l1_loss])
def test_of_absolute_errors(loss: Loss) -> None:
    found, _, size = measured(loss)
    assert found == pytest.approx(size, rel=2e-3)


def test_of_other_losses_nothing_is_known() -> None:
    def entropy(a: Tensor, b: Tensor) -> Tensor:
        return functional.cross_entropy(a, b.argmax(1))

    assert math.isnan(measured(entropy)[0])
    assert math.isnan(measured(functional.mse_loss, squash=True)[0])


class Heads(nn.Module):
    """A class and an amount, of one body."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.kind, self.price = nn.Linear(5, 8), nn.Linear(8, 3), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.body(x).tanh()
        return self.kind(y), self.price(y)[:, 0]


@pytest.mark.parametrize(
    ("scale", "layer", "drowns"),
    [(20_000.0, "price", True), (500.0, "price", False), (1.0, None, False)],
)
def test_of_several_terms_one_of_squared_errors_may_be_all(
    scale: float, layer: str | None, *, drowns: bool
) -> None:
    torch.manual_seed(0)
    model = Heads()
    x, kinds, prices = torch.randn(32, 5), torch.arange(32) % 3, scale * torch.rand(32)
    with torch.no_grad():
        apart = float((model(x)[1] - prices).square().mean().sqrt())
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-12)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(4):
            optimizer.zero_grad()
            classes, amounts = model(x)
            error = functional.mse_loss(amounts, prices)
            (functional.cross_entropy(classes, kinds) + error).backward()
            optimizer.step()
        window = Window(monitor.history)
        heavy = outweighing(window)
        assert (heavy and heavy.layer) == layer
        assert (heavy is not None and heavy.drowns) == drowns
        found = first_residual(window)
        assert math.isnan(found) if layer is None else found == pytest.approx(apart, rel=1e-3)
        if layer is not None:
            assert (
                "handle_of_outputs = model.get_submodule('price')"
                in scale_targets(found, window).code
            )
