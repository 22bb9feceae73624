"""Updates so small that hardly anything changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.lr_too_low import lr_too_low
from gradwidget.frame import Layer, Wiring
from tests.support.frames import chain, found, judge, moving

DEPTH = 6


def test_tiny_updates_at_a_high_loss_mean_that_the_rate_is_too_low() -> None:
    engine, _ = judge(150, chain(DEPTH), {**moving(DEPTH, 1e-7), "grad_norm": np.full(DEPTH, 1.0)})
    assert found(engine) == {Symptom.LR_TOO_LOW, Symptom.PLATEAU}


def test_a_rate_that_is_known_to_be_too_high_is_not_too_low_as_well() -> None:
    engine, history = judge(
        150, chain(DEPTH), {**moving(DEPTH, 1e-7), "grad_norm": np.full(DEPTH, 1.0)}
    )
    (low,) = [one for one in engine.findings if one.symptom is Symptom.LR_TOO_LOW]
    assert lr_too_low(Window(history), low) is not None
    high = replace(low, symptom=Symptom.LR_TOO_HIGH)
    assert lr_too_low(Window(history, active={high.symptom: high}), low) is None


def test_a_gradient_that_promises_too_little_is_no_reason_to_raise_the_rate() -> None:
    tiny = moving(DEPTH, 1e-7)
    promising = {**tiny, "grad_norm": np.full(DEPTH, 1.0)}
    hopeless = {**tiny, "grad_norm": np.full(DEPTH, 0.01)}
    _, history = judge(150, chain(DEPTH), promising)
    assert lr_too_low(Window(history), None) is not None
    _, history = judge(150, chain(DEPTH), hopeless)
    assert lr_too_low(Window(history), None) is None


def test_silent_on_a_schedule_that_ends_at_zero_and_on_a_warm_up() -> None:
    def decay(step: int) -> dict[str, Any]:
        return moving(DEPTH, 1e-3 * (1 - step / 200), lr=0.1 * (1 - step / 200))

    def warm_up(step: int) -> dict[str, Any]:
        return moving(DEPTH, 1e-7 * (step + 1), lr=1e-5 * (step + 1))

    assert judge(200, chain(DEPTH), decay)[0].findings == []
    assert judge(150, chain(DEPTH), warm_up)[0].findings == []


def test_silent_on_a_model_that_began_converged() -> None:
    nothing_to_gain = {name: np.full(DEPTH, 1e-6) for name in ("grad_norm", "grad_rms")}
    figures = {**moving(DEPTH, 1e-8, loss=0.05), **nothing_to_gain}
    assert judge(200, chain(DEPTH), figures)[0].findings == []


def scheduled(spent_at: int) -> Callable[[int], dict[str, Any]]:
    """Steps under a rate that falls to a hundredth by then, and further; nothing is learned."""

    def figures(step: int) -> dict[str, Any]:
        rate = 0.1 * 0.01 ** (step / spent_at)
        step_size = moving(DEPTH, 1e-2 * rate, lr=rate)
        return {**step_size, "grad_norm": np.full(DEPTH, 1.0)}

    return figures


def test_a_schedule_that_has_used_up_the_rate_before_anything_was_learned() -> None:
    engine, _ = judge(200, chain(DEPTH), scheduled(spent_at=40))
    finding = engine.findings[0]
    assert finding.symptom is Symptom.LR_TOO_LOW
    assert finding.consequences == (Symptom.PLATEAU,)
    assert "its schedule has used it up by step 40" in finding.message
    assert [one.title for one in finding.remedies] == [
        "Let the schedule last for the whole run",
        "Train at the rate that was asked for, without the schedule",
    ]


@pytest.mark.parametrize(("lowest", "is_said"), [(1.6, True), (0.4, False)])
def test_a_schedule_that_ended_learning_is_named_as_well(lowest: float, *, is_said: bool) -> None:
    def figures(step: int) -> dict[str, Any]:
        given = scheduled(spent_at=40)(step)
        return {**given, "scalars": {**given["scalars"], "loss": max(2.3 - 0.02 * step, lowest)}}

    assert (Symptom.LR_TOO_LOW in found(judge(200, chain(DEPTH), figures)[0])) is is_said


def test_silent_on_a_schedule_that_comes_down_near_the_end() -> None:
    assert judge(200, chain(DEPTH), scheduled(spent_at=150))[0].findings == []


def test_a_rate_of_0_is_told_from_a_warm_up_that_begins_there() -> None:
    def still(_: int) -> dict[str, Any]:
        return {**moving(DEPTH, 0.0, lr=0.0), "grad_norm": np.full(DEPTH, 1.0)}

    def late(step: int) -> dict[str, Any]:
        return moving(DEPTH, 1e-3, lr=0.1) if step >= 40 else still(step)

    finding = judge(150, chain(DEPTH), still)[0].findings[0]
    assert finding.symptom is Symptom.LR_TOO_LOW
    assert "since it is 0" in finding.message
    assert finding.remedies[0].title == "Look at the schedule: it gives a rate of 0"
    assert Symptom.LR_TOO_LOW not in found(judge(150, chain(DEPTH), late)[0])


def test_a_clipping_that_leaves_next_to_nothing_of_the_gradient_is_named_and_loosened() -> None:
    def clipped(raw: float) -> dict[str, Any]:
        figures = moving(DEPTH, 1e-8, total_grad_norm=1e-6, raw_total_grad_norm=raw * DEPTH**0.5)
        small = np.full(DEPTH, 1e-6 / DEPTH**0.5)
        return {**figures, "grad_norm": small, "raw_grad_norm": np.full(DEPTH, raw)}

    finding = judge(150, chain(DEPTH), clipped(1.0))[0].findings[0]
    assert finding.symptom is Symptom.LR_TOO_LOW
    assert "clipped from a norm of" in finding.message
    assert finding.remedies[0].title == "Raise the clipping bound"
    # A gradient that promises nothing even before it is clipped is that of a model that is done.
    assert Symptom.LR_TOO_LOW not in found(judge(150, chain(DEPTH), clipped(1e-5))[0])


def test_an_eps_larger_than_the_gradients_is_named_and_lowered() -> None:
    def divided(eps: float) -> Any:
        figures = {**moving(DEPTH, 1e-6, eps=eps), "grad_norm": np.full(DEPTH, 1.0)}
        return judge(150, chain(DEPTH), figures)[0].findings[0]

    finding = divided(1.0)
    assert finding.symptom is Symptom.LR_TOO_LOW
    assert finding.title == "Eps is larger than the gradients"
    assert "for an eps of 1, which is larger than the gradients" in finding.message
    assert finding.remedies[0].title == "Lower the optimizer's eps to 1e-08"
    # Below the gradients it does nothing, however large it is.
    assert "eps" not in divided(0.05).message


def cut(update: float, left: float, **scalars: float) -> dict[str, Any]:
    """Steps of that size, after clipping leaves that share of a gradient that promises much."""
    norms = {"total_grad_norm": left * DEPTH**0.5, "raw_total_grad_norm": DEPTH**0.5}
    return {
        **moving(DEPTH, update, **norms, **scalars),
        "grad_norm": np.full(DEPTH, left),
        "raw_grad_norm": np.full(DEPTH, 1.0),
    }


def test_steps_that_momentum_keeps_above_the_least_are_still_too_small_for_tight_clipping() -> None:
    finding = judge(150, chain(DEPTH), cut(4e-4, left=0.02))[0].findings[0]
    assert finding.symptom is Symptom.LR_TOO_LOW
    assert finding.title == "Clipping leaves next to nothing"
    assert finding.remedies[0].title == "Raise the clipping bound"
    assert finding.consequences == (Symptom.PLATEAU,)


def test_silent_on_clipping_that_leaves_a_part_of_the_gradient_or_steps_of_a_usual_size() -> None:
    for update, left in ((4e-4, 0.1), (2e-3, 0.001), (4e-4, 1.0)):
        assert Symptom.LR_TOO_LOW not in found(judge(150, chain(DEPTH), cut(update, left))[0])


def test_clipping_is_not_to_blame_where_the_optimizer_divides_by_the_size_of_the_gradient() -> None:
    adam = {"eps": 1e-8}
    assert Symptom.LR_TOO_LOW not in found(judge(150, chain(DEPTH), cut(4e-4, 0.001, **adam))[0])
    finding = judge(150, chain(DEPTH), cut(1e-7, 0.001, **adam))[0].findings[0]
    assert finding.title == "Learning rate too low"
    assert "clipped" not in finding.message


def clipped_under_a_scaler(norm: float = 0.8, **scalars: float) -> dict[str, Any]:
    """A gradient of that norm of which 12 / 65,536 is left."""
    left = 12 / 65536
    norms = {"total_grad_norm": left, "raw_total_grad_norm": norm, "loss_scale": 65536.0}
    return {
        **moving(DEPTH, 1e-7, **norms, **scalars),
        "grad_norm": np.full(DEPTH, left / DEPTH**0.5),
        "raw_grad_norm": np.full(DEPTH, norm / DEPTH**0.5),
    }


def test_gradients_that_are_clipped_while_they_are_scaled_are_to_be_unscaled_first() -> None:
    figures = clipped_under_a_scaler(unscaled_late=1.0)
    finding = judge(150, chain(DEPTH), figures)[0].findings[0]
    assert finding.symptom is Symptom.LR_TOO_LOW
    assert "a gradient scaler has them 65,536 times as large, from a norm of 52,000 to 12" in (
        finding.message
    )
    assert finding.remedies[0].title == "Unscale the gradients before they are clipped"
    assert "scaler.unscale_(optimizer)" in finding.remedies[0].why
    assert len(finding.remedies) == 1, "no bound and no rate makes up for the order"


def test_the_order_of_unscaling_and_clipping_is_named_where_the_gradient_promises_little() -> None:
    wrong = clipped_under_a_scaler(0.03, unscaled_late=1.0)
    finding = judge(150, chain(DEPTH), wrong)[0].findings[0]
    assert finding.remedies[0].title == "Unscale the gradients before they are clipped"
    assert Symptom.LR_TOO_LOW not in found(
        judge(150, chain(DEPTH), clipped_under_a_scaler(0.03))[0]
    )


def test_a_bound_that_is_too_low_for_unscaled_gradients_is_raised_under_a_scaler_too() -> None:
    finding = judge(150, chain(DEPTH), clipped_under_a_scaler())[0].findings[0]
    assert finding.remedies[0].title == "Raise the clipping bound"
    assert "A bound of 1 is usual" in finding.remedies[0].why
    assert "unscale_(optimizer) comes before the clipping" in finding.remedies[0].why


def test_a_bound_above_the_usual_one_is_not_compared_with_it() -> None:
    norms = {"total_grad_norm": 12.0, "raw_total_grad_norm": 1e7}
    figures = {
        **moving(DEPTH, 1e-7, **norms),
        "grad_norm": np.full(DEPTH, 12 / DEPTH**0.5),
        "raw_grad_norm": np.full(DEPTH, 1e7 / DEPTH**0.5),
    }
    finding = judge(150, chain(DEPTH), figures)[0].findings[0]
    assert finding.remedies[0].title == "Raise the clipping bound"
    assert "usual" not in finding.remedies[0].why


@pytest.mark.parametrize(("explained", "is_said"), [(0.8, False), (0.0, True)])
def test_silent_on_a_checkpoint_that_is_as_good_as_it_gets(
    explained: float, *, is_said: bool
) -> None:
    figures = {**moving(DEPTH, 1e-5, explained_share=explained), "grad_norm": np.full(DEPTH, 1.0)}
    names = found(judge(150, chain(DEPTH), figures)[0])
    assert (Symptom.LR_TOO_LOW in names) is is_said
    assert (Symptom.PLATEAU in names) is is_said


@pytest.mark.parametrize(("loss", "is_said"), [(0.4, False), (2.3, True)])
def test_a_classifier_that_began_far_below_chance_is_such_a_checkpoint(
    loss: float, *, is_said: bool
) -> None:
    head = Layer("head", "Linear", {"weight": (10, 8), "bias": (10,)})
    figures = {
        **moving(DEPTH, 1e-5, loss=loss),
        "grad_norm": np.full(DEPTH, 1.0),
        "wiring": Wiring(loss_path=("nll_loss", "log_softmax")),
    }
    names = found(judge(150, (*chain(DEPTH)[:-1], head), figures)[0])
    assert (Symptom.LR_TOO_LOW in names) is is_said


def test_a_rate_of_0_is_named_for_a_checkpoint_too() -> None:
    still = {**moving(DEPTH, 0.0, lr=0.0, explained_share=0.8), "grad_norm": np.full(DEPTH, 1.0)}
    assert found(judge(150, chain(DEPTH), still)[0]) == {Symptom.LR_TOO_LOW}


def test_layers_that_are_drawn_at_random_say_nothing_of_the_rate_in_steps_without_them() -> None:
    def drawn(step: int, update: float, among: int) -> dict[str, Any]:
        used = np.arange(DEPTH) % among == step % among
        changes = np.where(used, update, 0.0)
        gradients = np.where(used, 1.0, np.nan)
        return {**moving(DEPTH, changes), "grad_norm": gradients, "grad_is_none": ~used}

    for update, among, is_said in ((1e-3, 3, False), (1e-7, 3, False), (1e-7, 1, True)):
        engine, _ = judge(150, chain(DEPTH), partial(drawn, update=update, among=among))
        assert (Symptom.LR_TOO_LOW in found(engine)) is is_said
