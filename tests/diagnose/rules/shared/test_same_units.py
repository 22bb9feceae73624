"""Units that are copies of each other, and those that only began as copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import SGD, Adam

from gradwidget import GradMonitor
from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.frame import Layer
from tests.support.frames import chain, found, healthy, judge, moving, only

DEPTH = 4
COPIES = [3e-8, 0.0, np.nan, np.nan]


def copies(difference: Any = COPIES, update: Any = 1e-3, **changes: Any) -> dict[str, Any]:
    values = np.array(difference, np.float64)
    return {
        **moving(DEPTH, update),
        "unit_difference": values,
        "measured": {"unit_difference": ~np.isnan(values)},
        **changes,
    }


def test_layers_whose_units_stay_copies_are_named_after_twenty_steps() -> None:
    finding = only(judge(30, chain(DEPTH), copies())[0])
    assert (finding.symptom, finding.severity) == (Symptom.COLLAPSED_OUTPUTS, "critical")
    assert finding.layers == ("fc0", "fc1")
    assert (finding.first_step, finding.reported_step) == (0, 20)
    assert finding.title == "All units are the same"
    assert finding.message == (
        "All 16 units of fc0 and fc1 have the same weights, and every step changes them in the "
        "same way: each of these layers counts as one unit."
    )
    assert finding.evidence["value"] == pytest.approx(3e-8)
    assert finding.evidence["bound"] == pytest.approx(1e-5)
    assert finding.remedies[0].title == "Reinitialize fc0 and fc1"


def test_of_a_transposed_convolution_the_output_channels_are_counted() -> None:
    up = Layer("up", "ConvTranspose2d", {"weight": (3, 7, 2, 2), "bias": (7,)})
    layers = (up, *chain(DEPTH)[1:])
    finding = only(judge(60, layers, copies([0.0, np.nan, np.nan, np.nan]))[0])
    assert finding.message.startswith("All 7 units of up have")


@pytest.mark.parametrize(
    "values",
    [
        copies([np.nan, np.nan, np.nan, 0.0]),  # targets tell those of the last layer apart
        copies(update=0.0),  # filters that are fixed
        copies(update=5e-7),  # steps too small to tell them apart
        copies(grad_norm=np.zeros(DEPTH)),  # only weight decay moves them
        copies([1e-3, 1e-3, np.nan, np.nan]),
    ],
)
def test_silent_on_copies_for_which_there_is_a_reason(values: dict[str, Any]) -> None:
    assert judge(60, chain(DEPTH), values)[0].findings == []


def test_silent_on_units_that_come_apart_in_the_first_steps() -> None:
    def apart(step: int) -> dict[str, Any]:
        if step > 5:
            return healthy(DEPTH)
        return copies([0.0 if step < 5 else 0.02] * 2 + [np.nan] * 2)

    assert judge(60, chain(DEPTH), apart)[0].findings == []


def test_rounding_that_grows_does_not_end_it_and_fresh_weights_do() -> None:
    def grows(step: int) -> dict[str, Any]:
        return copies([1e-7 if step < 50 else 1e-3] * 2 + [np.nan] * 2)

    def fresh(step: int) -> dict[str, Any]:
        if step > 50:
            return moving(DEPTH, 1e-3)
        return copies([1e-7 if step < 50 else 1.3] * 2 + [np.nan] * 2)

    assert judge(120, chain(DEPTH), grows)[0].findings[0].active
    assert not only(judge(120, chain(DEPTH), fresh)[0]).active


def test_it_explains_what_gradients_steps_and_the_loss_do() -> None:
    values = copies(
        update=[0.2] * DEPTH,
        act_grad_rms=np.array([1e-9, 1e-7, 1e-4, 1e-2]),
        act_grad_norm=np.array([1e-9, 1e-7, 1e-4, 1e-2]),
        scalars={"loss": 2.0, "lr": 0.1},
    )
    engine, _ = judge(300, chain(DEPTH), values)
    assert {Symptom.PLATEAU, Symptom.VANISHING_GRADIENTS, Symptom.LR_TOO_HIGH} <= found(engine)
    first, *others = engine.findings
    assert first.title == "All units are the same"
    assert {one.because for one in others} == {Symptom.COLLAPSED_OUTPUTS}


def trained(model: nn.Module, kind: Any = Adam, steps: int = 60) -> list[Finding]:
    optimizer = kind(model.parameters(), lr=2e-3 if kind is Adam else 0.1)
    truth = torch.randn(16, 5, generator=torch.Generator().manual_seed(1))
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(steps):
            x = torch.randn(64, 16)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), (x @ truth).argmax(1)).backward()
            optimizer.step()
    assert monitor.problems == []
    return monitor.findings


def constant(*between: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(16, 32), *between, nn.Linear(32, 24), nn.Tanh(), nn.Linear(24, 5)
    )
    for name, one in model.named_parameters():
        nn.init.constant_(one, 0.05 if name.endswith("weight") else 0.0)
    return model


@pytest.mark.parametrize("kind", [Adam, SGD])
def test_a_run_whose_weights_are_one_constant_is_told_and_its_remedy_makes_units_differ(
    kind: Any,
) -> None:
    model = constant(nn.Tanh())
    cause = trained(model, kind)[0]
    assert cause.title == "All units are the same"
    assert cause.layers == ("0", "2")
    assert cause.message.startswith("All units of layers 0 and 2 have the same weights")
    optimizer = kind(model.parameters(), lr=1e-3)
    exec(cause.remedies[0].code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102  # as a reader does
    assert all(one.title != cause.title for one in trained(model, kind))
    assert torch.linalg.matrix_rank(model.get_parameter("0.weight").detach()) == 16


def test_silent_where_dropout_tells_units_apart() -> None:
    model = constant(nn.ReLU(), nn.Dropout(0.5))
    model.insert(-1, nn.Dropout(0.5))
    titles = [one.title for one in trained(model)]
    assert "All units are the same" not in titles
