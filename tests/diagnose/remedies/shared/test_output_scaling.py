"""Remedies that give the outputs of a model the units of its data, on models that they are for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding, Remedy, Symptom
from gradwidget.diagnose.remedies.ranking.by_symptom import remedies_for
from gradwidget.diagnose.remedies.scale_targets import scale_targets
from gradwidget.frame import LOSS, Layer, Wiring
from gradwidget.monitor import GradMonitor
from tests.support.frames import chain, healthy, judge

torch.set_num_threads(1)

Criterion = Callable[[Tensor, Tensor], Tensor]

MEAN, DEVIATION = 250_000.0, 60_000.0


def regression(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Callable[[int], tuple[Tensor, Tensor]],
    criterion: Criterion,
    steps: int = 60,
) -> list[Finding]:
    with GradMonitor(model, budget=None) as monitor:
        for step in range(steps):
            x, y = batch(step)
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        return monitor.findings


def prices(step: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(step))
    return x, MEAN + DEVIATION * x[:, :1]


def run(remedy: Remedy, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for


def test_prices_that_blew_a_network_up_are_learned_at_the_same_rate() -> None:
    def summed(output: Tensor, y: Tensor) -> Tensor:
        return 3 * functional.mse_loss(output, y)

    for criterion in (functional.mse_loss, summed):
        model = regression()
        findings = train(model, torch.optim.SGD(model.parameters(), lr=0.03), prices, criterion)
        sick = next(one for one in findings if one.symptom is Symptom.LR_TOO_HIGH)
        remedy = next(one for one in sick.remedies if one.title == "Scale the targets")
        model = regression()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
        run(remedy, model, optimizer)
        train(model, optimizer, prices, criterion, 200)
        x, y = prices(10**6)
        with torch.no_grad():
            error = functional.mse_loss(model(x), y) / DEVIATION**2
        assert error < 0.2


def window_of(loss: str) -> Window:
    return Window(judge(5, chain(2), healthy(2, wiring=Wiring(loss_path=(loss,))))[1])


@pytest.mark.parametrize(
    ("loss", "criterion", "batches"),
    [("mse_loss", functional.mse_loss, 2), ("l1_loss", functional.l1_loss, 1)],
)
def test_the_gradient_is_that_of_scaled_targets(
    loss: str, criterion: Criterion, batches: int
) -> None:
    x, y = prices(0)
    model = regression()
    with torch.no_grad():
        error = criterion(model(x), y)
    residual = float(error.sqrt() if loss == "mse_loss" else error)
    run(scale_targets(residual, window_of(loss)), model, torch.optim.SGD(model.parameters(), 0.1))
    for batch in range(batches):  # the first tells what the targets are like, and trains nothing
        model.zero_grad()
        criterion(model(x), y).backward()
        if batch < batches - 1:
            assert not any(one.grad is None or one.grad.any() for one in model.parameters())
    twin = regression()
    scaled = (y - y.mean()) / y.std() if loss == "mse_loss" else y / residual
    criterion(twin(x), scaled).backward()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert torch.allclose(one.grad, other.grad, rtol=1e-2, atol=2e-4)


def test_an_autoencoder_of_raw_pixels_learns_what_one_of_scaled_pixels_does() -> None:
    def raw(step: int) -> tuple[Tensor, Tensor]:
        code = torch.randn(64, 3, generator=torch.Generator().manual_seed(step))
        x = 128 + 60 * code @ torch.linspace(-1, 1, 48).reshape(3, 16).sin()
        return x, x

    def autoencoder() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 3), nn.Linear(3, 16))
        return model, torch.optim.SGD(model.parameters(), lr=0.1)

    model, optimizer = autoencoder()
    findings = train(model, optimizer, raw, functional.mse_loss)
    remedies = [one for finding in findings for one in finding.remedies]
    remedy = next(one for one in remedies if "the targets that equal them" in one.title)
    model, optimizer = autoencoder()
    run(remedy, model, optimizer)
    train(model, optimizer, raw, functional.mse_loss, 300)
    x, _ = raw(10**6)
    with torch.no_grad():
        assert functional.mse_loss(model(x), x) / x.var() < 0.2


@pytest.mark.parametrize(
    ("loss_path", "width", "offered"),
    [
        (("mse_loss",), 16, True),
        (("div", "mse_loss", "split"), 16, True),
        (("mse_loss",), 3, False),  # what comes out is something else
        (("nll_loss", "log_softmax"), 16, False),  # as many classes as features
    ],
)
def test_outputs_are_given_units_where_they_may_be_the_inputs(
    loss_path: tuple[str, ...],
    width: int,
    offered: bool,  # noqa: FBT001 - a column of the table
) -> None:
    layers = (chain(2)[0], Layer("out", "Linear", {"weight": (width, 16), "bias": (width,)}))
    wiring = Wiring(feeds={"fc0": ("out",), "out": (LOSS,)}, loss_path=loss_path)
    scalars = {"input_mean": 128.0, "input_std": 64.0, "input_rms": 143.0, "loss": 9000.0}
    window = Window(judge(12, layers, healthy(2, wiring=wiring, scalars=scalars))[1])
    detection = Detection("warning", "", (), 0, {"value": 143.0, "bound": 20.0}, "")
    titles = [one.title for one in remedies_for(Symptom.BAD_INPUTS, detection, window)]
    expected = ["Scale the inputs, and the targets that equal them"] if offered else []
    assert titles == [*expected, "Scale the inputs", "Scale each feature by itself"]
    assert np.isfinite(window.loss)


@pytest.mark.parametrize(("ratio", "first"), [(1.5, "Scale the inputs"), (40.0, "Scale each")])
def test_features_of_unlike_size_are_first_of_all_scaled_by_themselves(
    ratio: float, first: str
) -> None:
    data = {"input_mean": 5.0, "input_std": 40.0, "input_rms": 41.0, "input_feature_ratio": ratio}
    window = Window(judge(12, chain(2), healthy(2, scalars=data))[1])
    detection = Detection("warning", "", (), 0, {"value": 41.0, "bound": 20.0}, "")
    assert remedies_for(Symptom.BAD_INPUTS, detection, window)[0].title.startswith(first)
