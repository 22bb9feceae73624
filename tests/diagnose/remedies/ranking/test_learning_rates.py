"""Which rate is offered, and what is offered in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy, Symptom
from gradwidget.diagnose.remedies.ranking.by_symptom import remedies_for
from gradwidget.frame import Wiring
from tests.support.frames import chain, judge, moving

DEPTH = 4


def offered(figures: dict[str, Any], symptom: Symptom, **evidence: float) -> tuple[Remedy, ...]:
    """What is offered in a run of which every frame is the same."""
    window = Window(judge(30, chain(DEPTH), figures)[1])
    numbers = {"value": 0.3, "bound": 0.1, "window": 9.0, **evidence}
    return remedies_for(symptom, Detection("warning", "", (), 20, numbers, ""), window)


def test_one_rate_is_offered_and_that_of_the_layer_that_moves_most_is_named_with_it() -> None:
    alike = offered(moving(DEPTH, 0.2), Symptom.LR_TOO_HIGH)
    apart = offered(moving(DEPTH, np.array([0.2, 0.2, 0.2, 200.0])), Symptom.LR_TOO_HIGH)
    one_alone = offered(moving(DEPTH, np.array([0.0, 0.0, 0.0, 2.0])), Symptom.LR_TOO_HIGH)
    for remedies, rate, further in (
        (alike, "0.005", ""),
        (apart, "0.005", "1.0×10⁻⁵"),  # a fiftieth of its size is usual at first
        (one_alone, "0.01", "0.001"),
    ):
        (lower,) = (one for one in remedies if "rate" in one.title)
        assert lower.title == f"Lower the learning rate to {rate}"
        assert (f"try {further}:" in lower.why) == bool(further)


SUMMED: dict[str, tuple[str, str, str]] = {
    "of entries": ("mse_loss", "128", "128"),
    "of samples": ("mse_loss", "1000000", "50"),
    "of passes": ("mse_loss", "1", "1"),
}
"""What the loss adds up: the operation, entries and samples."""


def adds_up(what: str, update: float, optimizer: str = "SGD", **scalars: float) -> dict[str, Any]:
    wiring = Wiring(optimizers=(optimizer,), obstacles={"added up": SUMMED[what]})
    return {**moving(DEPTH, update, **scalars), "wiring": wiring}


@pytest.mark.parametrize(
    ("what", "passes", "title", "times"),
    [
        ("of entries", 1.0, "Divide the loss by 128", 128),
        ("of samples", 1.0, "Divide the loss by 50", 50),  # by all, nothing would move
        ("of passes", 16.0, "Divide each loss by 16", 16),
        ("of entries", 4.0, "Divide each loss by 512", 512),
    ],
)
@pytest.mark.parametrize("symptom", [Symptom.LR_TOO_HIGH, Symptom.LOSS_UNSTABLE])
def test_what_is_a_sum_is_averaged_in_the_place_of_a_lower_rate(
    symptom: Symptom, what: str, passes: float, title: str, times: int
) -> None:
    remedies = offered(adds_up(what, 0.1, passes=passes), symptom, times=float(times))
    assert remedies[0].title == title
    assert not any("rate" in one.title for one in remedies)
    optimizer = torch.optim.SGD([torch.ones(1)], lr=0.2)
    exec(remedies[0].code, {"optimizer": optimizer})  # noqa: S102 - that is what it is for
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2 / times)
    assert remedies[0].action == {"kind": "scale_lr", "factor": 1 / times}


def test_where_an_average_is_not_enough_a_lower_rate_is_offered_too() -> None:
    first, second, *_ = offered(adds_up("of passes", 2.0, passes=16.0), Symptom.LOSS_UNSTABLE)
    assert first.title == "Divide each loss by 16"
    assert second.title == "Lower the learning rate to 0.0005"


def test_outputs_that_start_too_large_are_normalized_where_a_rate_is_too_high() -> None:
    classes = Wiring(loss_path=("nll_loss", "log_softmax"))

    def normalizes(size: float) -> bool:
        figures = {**moving(DEPTH, 0.3, loss=110.0), "act_rms": np.full(DEPTH, size)}
        remedies = offered({**figures, "wiring": classes}, Symptom.LR_TOO_HIGH)
        return "Normalize between the layers" in [one.title for one in remedies]

    assert normalizes(90.0)
    assert not normalizes(1.0)


@pytest.mark.parametrize(
    "figures",
    [
        adds_up("of entries", 0.01),  # a rate that suits the sum
        adds_up("of entries", 0.1, "Adam"),  # whose steps have one size for both
        adds_up("of passes", 0.1),
        adds_up("of passes", 0.1, passes=2.0),
        # The loop divides the gradient, or clips it.
        adds_up("of passes", 0.1, passes=16.0, raw_total_grad_norm=16.0, total_grad_norm=1.0),
    ],
    ids=["suits", "Adam", "one pass", "two passes", "divided after them"],
)
def test_a_sum_that_does_not_make_the_steps_too_large_is_left_alone(
    figures: dict[str, Any],
) -> None:
    titles = [one.title for one in offered(figures, Symptom.LOSS_UNSTABLE)]
    assert any("Lower the learning rate" in one for one in titles)
    assert not any("Divide" in one for one in titles)
