"""Inputs that have become alike before the last layer, and features that only look so."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import LOSS, Wiring
from tests.support.frames import chain, found, healthy, judge, only

DEPTH = 5
STEPS = 130


def figures(spread: float, loss: float = 2.0, **changes: Any) -> dict[str, Any]:
    values = np.full(DEPTH, np.nan)
    values[-1] = spread
    measured = {"input_spread": ~np.isnan(values)}
    changes.setdefault("scalars", {})
    changes["scalars"] = {"loss": loss, **changes["scalars"]}
    return healthy(DEPTH, input_spread=values, measured=measured, **changes)


def test_inputs_that_are_alike_before_the_last_layer_are_named_where_nothing_is_learned() -> None:
    engine, _ = judge(STEPS, chain(DEPTH), figures(0.005))
    finding = engine.findings[0]
    assert finding.symptom is Symptom.COLLAPSED_OUTPUTS
    assert finding.layers == ("fc4",)
    assert (finding.first_step, finding.reported_step) == (0, 50)
    assert finding.remedies[0].code == ""
    assert finding.consequences == (Symptom.PLATEAU,)


def test_it_lasts_until_the_features_are_as_far_apart_as_usual() -> None:
    def back(spread: float) -> Any:
        return lambda step: figures(0.005 if step < 60 else spread)

    assert judge(STEPS, chain(DEPTH), back(0.05))[0].findings[0].active
    assert not judge(STEPS, chain(DEPTH), back(0.3))[0].findings[0].active


@pytest.mark.parametrize("spread", [0.03, 0.5])
def test_silent_on_features_that_differ(spread: float) -> None:
    assert judge(STEPS, chain(DEPTH), figures(spread))[0].findings == []


def test_silent_on_a_run_that_learns() -> None:
    engine, _ = judge(STEPS, chain(DEPTH), lambda step: figures(0.005, loss=2 * 0.99**step))
    assert engine.findings == []


def test_silent_where_no_loss_is_known() -> None:
    engine, _ = judge(STEPS, chain(DEPTH), figures(0.005, loss=np.nan))
    assert Symptom.COLLAPSED_OUTPUTS not in found(engine)


def test_silent_on_features_that_come_apart_again_after_a_rough_start() -> None:
    def rough(step: int) -> dict[str, Any]:
        return figures(0.2 if step < 3 else 0.01 * 4 ** ((step - 40) / 20) if step > 40 else 0.01)

    assert Symptom.COLLAPSED_OUTPUTS not in found(judge(75, chain(DEPTH), rough)[0])


def test_silent_on_features_that_were_alike_when_last_measured_and_are_not_now() -> None:
    def after_a_gap(step: int) -> dict[str, Any]:
        return figures(0.005 if step < 11 else np.nan if step == 60 else 0.5)

    engine, _ = judge([*range(11), *range(60, 64)], chain(DEPTH), after_a_gap)
    assert Symptom.COLLAPSED_OUTPUTS not in found(engine)


def test_silent_on_a_last_layer_that_is_given_the_data_itself() -> None:
    wiring = Wiring(feeds={"fc4": (LOSS,)})
    assert judge(STEPS, chain(DEPTH), figures(0.005, wiring=wiring))[0].findings == []


def test_silent_on_batches_whose_entries_are_all_the_same() -> None:
    engine, _ = judge(STEPS, chain(DEPTH), figures(0.0, scalars={"input_std": 0.0}))
    assert Symptom.COLLAPSED_OUTPUTS not in found(engine)


def test_dead_units_before_it_explain_it() -> None:
    dead = np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    engine, _ = judge(STEPS, chain(DEPTH), figures(0.0, act_dead_fraction=dead))
    by = {finding.symptom: finding for finding in engine.findings}
    assert by[Symptom.COLLAPSED_OUTPUTS].because is Symptom.DEAD_RELU


def test_behind_frozen_layers_features_are_made_by_them_though_the_graph_does_not_show_it() -> None:
    wiring = Wiring(feeds={"fc4": (LOSS,)})
    frozen = tuple(replace(layer, trainable=layer.name == "fc4") for layer in chain(DEPTH))
    ran = np.ones(DEPTH)
    engine, _ = judge(STEPS, frozen, figures(0.001, wiring=wiring, has_run=ran))
    finding = engine.findings[0]
    assert (finding.symptom, finding.layers) == (Symptom.COLLAPSED_OUTPUTS, ("fc4",))
    assert finding.remedies[0].title == "Load the weights of the frozen layers, or train them"


PAIRS = Wiring(loss_path=("mean", "relu", "add", "sub", "linalg_vector_norm"))
TARGETS = Wiring(loss_path=("mse_loss",))


def drawn(step: int, *, left: float = 0.004, loss: float = 1.3, wiring: Wiring = PAIRS) -> Any:
    """Features that fall to a share of their spread in twenty steps, as the loss does to its."""
    done = min(step / 20, 1.0)
    return figures(0.4 * left**done, loss=2.0 + (loss - 2.0) * done, wiring=wiring)


def test_what_a_loss_has_drawn_together_is_named_though_the_loss_has_fallen() -> None:
    engine, _ = judge(STEPS, chain(DEPTH), drawn)
    (finding,) = engine.findings
    assert (finding.symptom, finding.layers) == (Symptom.COLLAPSED_OUTPUTS, ("fc4",))
    assert "at the start, 1.6% is left, and the loss stays at 1.3" in finding.message
    # The start is the median of ten frames, that of step 5; half of it is reached in step 8.
    assert (finding.first_step, finding.reported_step) == (8, 50)
    assert finding.remedies[0].title == "Use semi-hard or random negatives"


@pytest.mark.parametrize(
    "figures",
    [
        partial(drawn, left=0.2),
        partial(drawn, wiring=TARGETS),
        lambda step: {**drawn(step), "scalars": {"loss": 2 * 0.99**step}},
        lambda step: {
            **drawn(step),
            "scalars": {"loss": 2.0 if step < 10 else 0.3 + 0.1 * (step % 2)},
        },
    ],
    ids=["a spread that is left", "known targets", "a loss that falls", "a low loss of batches"],
)
def test_silent_on_features_that_come_closer_while_all_is_well(figures: Any) -> None:
    assert Symptom.COLLAPSED_OUTPUTS not in found(judge(STEPS, chain(DEPTH), figures)[0])


def test_a_loss_that_no_longer_depends_on_the_batch_may_be_as_low_as_it_likes() -> None:
    engine, _ = judge(STEPS, chain(DEPTH), partial(drawn, loss=-1.0))
    assert engine.findings[0].symptom is Symptom.COLLAPSED_OUTPUTS


def test_what_had_learned_and_is_alike_now_is_named_under_any_loss() -> None:
    def relapsed(step: int) -> dict[str, Any]:
        if step < 60:
            return figures(0.4, loss=2 * 0.98**step, wiring=TARGETS)
        return figures(0.002, loss=2.0, wiring=TARGETS)

    by = {one.symptom: one for one in judge(STEPS, chain(DEPTH), relapsed)[0].findings}
    assert by[Symptom.COLLAPSED_OUTPUTS].first_step == 60


def test_it_is_over_once_features_are_as_far_apart_as_usual_though_not_as_at_the_start() -> None:
    def back(step: int) -> dict[str, Any]:
        return drawn(step) if step < 60 else figures(0.15, loss=1.0, wiring=PAIRS)

    (finding,) = judge(STEPS, chain(DEPTH), back)[0].findings
    assert not finding.active


def test_units_that_die_of_it_later_are_its_consequence() -> None:
    def dying(step: int) -> dict[str, Any]:
        off = np.zeros(DEPTH)
        off[2] = step >= 70
        return {**drawn(step), "act_dead_fraction": off}

    cause, dead = judge(STEPS, chain(DEPTH), dying)[0].findings
    assert (cause.symptom, dead.symptom) == (Symptom.COLLAPSED_OUTPUTS, Symptom.DEAD_RELU)
    assert dead.because is Symptom.COLLAPSED_OUTPUTS


def coded(size: float, *into: str, path: tuple[str, ...] = ("add", "exp")) -> Any:
    """A code between two halves, whose outputs shrink to a size in fifty steps."""
    feeds = {"fc0": ("fc1",), "fc1": into, "fc2": ("fc3",), "fc3": ("fc4",), "fc4": (LOSS,)}
    wiring = Wiring(feeds=feeds, loss_path=path)

    def step_by_step(step: int) -> dict[str, Any]:
        sizes = np.ones(DEPTH)
        sizes[1] = max(size, 1 - step / 50)
        return healthy(DEPTH, act_rms=sizes, wiring=wiring)

    return step_by_step


def test_a_code_whose_price_drives_it_to_0_tells_nothing_though_the_loss_has_fallen() -> None:
    engine, _ = judge(STEPS, chain(DEPTH), coded(0.005, "fc2", LOSS))
    (finding,) = engine.findings
    assert (finding.symptom, finding.layers) == (Symptom.COLLAPSED_OUTPUTS, ("fc1",))
    assert finding.remedies[0].title == "Lower the weight of the KL divergence"


@pytest.mark.parametrize(
    "figures",
    [
        coded(0.3, "fc2", LOSS),
        coded(0.005, "fc2"),
        coded(0.005, "fc2", LOSS, path=("add", "abs")),
    ],
    ids=["a code that tells something", "no price on it", "a price of another kind"],
)
def test_silent_on_other_codes(figures: Any) -> None:
    assert judge(STEPS, chain(DEPTH), figures)[0].findings == []


def test_it_may_have_learned_how_frequent_the_classes_are_where_the_loss_rests() -> None:
    def falls_to(end: float, lasting: int) -> bool:
        def figure(step: int) -> dict[str, Any]:
            return figures(0.0005, loss=2.0 - (2.0 - end) * min(step / lasting, 1.0))

        return Symptom.COLLAPSED_OUTPUTS in found(judge(STEPS, chain(DEPTH), figure)[0])

    assert falls_to(1.75, lasting=20)
    assert not falls_to(1.3, lasting=20)


def test_a_loss_that_only_draws_outputs_together_is_named_by_its_graph() -> None:
    wiring = Wiring(obstacles={"pulled together": ()})

    def falls(step: int) -> dict[str, Any]:
        return healthy(3, wiring=wiring, scalars={"loss": -1 + 0.9**step})

    finding = only(judge(60, chain(3), falls)[0])
    assert finding.title == "Nothing in the loss keeps outputs apart"
    assert [one.title for one in finding.remedies] == ["Keep different inputs apart in the loss"]

    def rises(step: int) -> dict[str, Any]:
        return healthy(3, wiring=wiring, scalars={"loss": 0.1 + 1e-3 * step})

    assert judge(60, chain(3), rises)[0].findings == []
