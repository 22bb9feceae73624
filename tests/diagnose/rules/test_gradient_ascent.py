"""Training that climbs: a wrong sign of the loss or of the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwidget import Finding, GradMonitor
from gradwidget.diagnose.finding import Symptom

Loss = Callable[[Tensor, Tensor], Tensor]


def headline(loss: Loss, steps: int = 150, **options: Any) -> Finding | None:
    """The first finding of a classifier of points on two sides of a line."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    x = torch.randn(256, 2)
    y = (x.sum(1) + 0.5 * torch.randn(256) > 0).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, **options)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
        return monitor.findings[0] if monitor.findings else None


def negated(output: Tensor, y: Tensor) -> Tensor:
    return -functional.cross_entropy(output, y)


def negated_by_hand(output: Tensor, y: Tensor) -> Tensor:
    return functional.log_softmax(output, 1)[torch.arange(len(y)), y].mean()


@pytest.mark.slow
@pytest.mark.parametrize("loss", [negated, negated_by_hand])
def test_a_negated_error_falls_without_bound(loss: Loss) -> None:
    finding = headline(loss, 300)
    assert finding is not None
    assert finding.symptom is Symptom.GRADIENT_ASCENT
    assert [one.title for one in finding.remedies] == ["Look at the sign of the loss"]


@pytest.mark.slow
def test_an_error_that_the_optimizer_maximizes() -> None:
    finding = headline(functional.cross_entropy, maximize=True)
    assert finding is not None
    assert finding.symptom is Symptom.GRADIENT_ASCENT
    code = finding.remedies[0].code
    optimizer = torch.optim.Adam([nn.Parameter(torch.ones(1))], maximize=True)
    exec(code, {"optimizer": optimizer})  # noqa: S102 - that is what it is for
    assert optimizer.param_groups[0]["maximize"] is False


@pytest.mark.slow
@pytest.mark.parametrize("power", [1, 2])
def test_an_error_that_is_written_by_hand_and_maximized(power: int) -> None:
    def error(output: Tensor, y: Tensor) -> Tensor:
        return (output[:, 0] - y.float()).abs().pow(power).mean()

    finding = headline(error, maximize=True)
    assert finding is not None
    assert finding.symptom is Symptom.GRADIENT_ASCENT


@pytest.mark.slow
def test_silent_where_a_spread_is_maximized() -> None:
    def spread(output: Tensor, _: Tensor) -> Tensor:
        return nn.functional.normalize(output, dim=0).square().mean()

    finding = headline(spread, maximize=True)
    assert finding is None or finding.symptom is not Symptom.GRADIENT_ASCENT


@pytest.mark.slow
def test_silent_on_an_error_that_falls_and_on_a_likelihood_that_is_maximized() -> None:
    assert headline(functional.cross_entropy) is None
    assert headline(negated, maximize=True) is None


@pytest.mark.slow
def test_silent_on_a_density_whose_logarithm_passes_0() -> None:
    def density(output: Tensor, y: Tensor) -> Tensor:
        mean, spread = output.unbind(1)
        target = 0.01 * y.float()
        return (spread + (target - mean).square() / (2 * (2 * spread).exp())).mean()

    assert headline(density, 300) is None
