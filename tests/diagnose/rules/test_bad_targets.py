"""Targets that a fresh network is far away from."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import Wiring
from tests.support.frames import chain, found, healthy, judge

DEPTH = 4
ENTRIES = 64
REGRESSION = Wiring(loss_path=("mse_loss",))


def far(residual: float, wiring: Wiring = REGRESSION, **changes: Any) -> dict[str, Any]:
    """A step of a regression whose outputs are so far from the targets, and stay there."""
    slope = 2 * residual / ENTRIES
    gradient = {
        "act_grad_rms": np.full(DEPTH, slope),
        "act_grad_norm": np.full(DEPTH, slope * ENTRIES**0.5),
    }
    return healthy(DEPTH, scalars={"loss": residual**2}, wiring=wiring, **{**gradient, **changes})


def test_prices_that_are_not_scaled_are_named_where_nothing_is_learned() -> None:
    finding = judge(150, chain(DEPTH), far(250_000.0))[0].findings[0]
    assert finding.symptom is Symptom.BAD_TARGETS
    assert "250,000" in finding.message
    assert finding.layers == ("fc3",)
    assert [one.title for one in finding.remedies] == ["Scale the targets"]
    # What errors of a squared loss are is in the gradient that the outputs get: how far they are.
    assert "* 250000\n" in finding.remedies[0].code


def test_they_explain_what_follows_from_them() -> None:
    dead = np.array([1.0, 1.0, 0.0, 0.0])
    first, second = judge(60, chain(DEPTH), far(5_000.0, act_dead_fraction=dead))[0].findings
    assert (first.symptom, first.consequences) == (Symptom.BAD_TARGETS, (Symptom.DEAD_RELU,))
    assert second.because is Symptom.BAD_TARGETS


def test_silent_where_training_goes_well() -> None:
    def falls(step: int) -> dict[str, Any]:
        return far(250_000.0 * 0.97**step)

    assert judge(200, chain(DEPTH), falls)[0].findings == []


def test_silent_on_amounts_on_other_losses_and_where_outputs_are_as_large() -> None:
    for figures in (
        far(20.0),
        far(250_000.0, Wiring(loss_path=("nll_loss", "log_softmax"))),
        far(250_000.0, act_rms=np.full(DEPTH, 1e5)),
    ):
        assert Symptom.BAD_TARGETS not in found(judge(150, chain(DEPTH), figures)[0])
