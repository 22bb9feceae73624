"""Updates that replace the weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.rules.lr_too_high import lr_too_high
from gradwidget.frame import Wiring
from tests.support.frames import chain, found, judge, moving

DEPTH = 6


def test_updates_that_replace_the_weights_mean_that_the_rate_is_too_high() -> None:
    engine, _ = judge(60, chain(DEPTH), moving(DEPTH, 0.3, loss=2.2))
    assert found(engine) == {Symptom.LR_TOO_HIGH}


def test_the_change_of_a_step_and_the_loss_are_named() -> None:
    _, history = judge(60, chain(DEPTH), moving(DEPTH, 0.3, loss=2.2))
    detection = lr_too_high(Window(history), None)
    assert detection is not None
    assert abs(detection.evidence["value"] - 0.3) < 1e-6
    assert "changes the weights by 30% of their size" in detection.message
    assert "stays at 2.2 (2.2 at the start)" in detection.message


def test_a_high_rate_that_works_is_not_too_high() -> None:
    assert (
        judge(60, chain(DEPTH), lambda step: moving(DEPTH, 0.3, loss=2.0 * 0.9**step))[0].findings
        == []
    )


def lost(losses: list[float], update: float) -> list[Finding]:
    """What is said of a run with these losses, each after an update of that size."""
    return judge(len(losses), chain(DEPTH), lambda i: moving(DEPTH, update, losses[i]))[0].findings


def test_one_update_that_makes_the_loss_a_million_times_larger_is_proof() -> None:
    finding = lost([2.0, 2e6], update=3.0)[0]
    assert (finding.symptom, finding.severity) == (Symptom.LR_TOO_HIGH, "critical")
    assert (finding.first_step, finding.reported_step) == (0, 1)
    assert "raised the loss from 2 to 2 million" in finding.message


def test_of_smaller_rises_several_in_a_row_are_needed() -> None:
    assert lost([2.0, 40.0], update=0.5) == []
    assert [one.symptom for one in lost([2.0, 40.0, 800.0], update=0.5)] == [Symptom.LR_TOO_HIGH]


def test_it_leads_where_the_loss_jumps_and_all_is_lost() -> None:
    findings = lost([2.0, 1e4, 1e8, 1e12, np.inf, np.nan, np.nan], update=2.0)
    assert findings[0].symptom is Symptom.LR_TOO_HIGH
    assert Symptom.LOSS_NONFINITE in findings[0].consequences


def test_a_batch_out_of_line_after_a_usual_update_is_not_due_to_the_rate() -> None:
    assert Symptom.LR_TOO_HIGH not in {one.symptom for one in lost([2.0] * 30 + [2e6], 1e-3)}


def test_steps_that_are_large_only_since_the_weights_had_grown_before_are_not() -> None:
    def figures(step: int) -> dict[str, Any]:
        norm = np.full(DEPTH, 4.0 if step < 20 else 40.0)
        update = 0.001 if step < 60 else 0.03
        return {**moving(DEPTH, update, loss=2.0), "matrix_norm": norm, "weight_norm": norm}

    engine, _ = judge(140, chain(DEPTH), figures)
    assert found(engine) == {Symptom.WEIGHTS_GROWING, Symptom.PLATEAU}
    assert engine.findings[0].consequences == (Symptom.PLATEAU,)


def in_turns(optimizers: int, first: float, second: float) -> Callable[[int], dict[str, Any]]:
    """Two networks, trained at odd and at even steps, with the update of each."""
    turns = np.arange(DEPTH) < DEPTH // 2

    def of_step(step: int) -> dict[str, Any]:
        turn = turns if step % 2 else ~turns
        return {
            **moving(DEPTH, first if step % 2 else second, loss=2.2),
            "measured": {"grad_norm": turn},
            "grad_norm": np.where(turn, 0.16, np.nan),
            "wiring": Wiring(optimizers=("Adam",) * optimizers),
        }

    return of_step


def test_a_loss_that_stays_says_nothing_of_a_rate_where_two_networks_play_against_each_other() -> (
    None
):
    assert Symptom.LR_TOO_HIGH in found(judge(60, chain(DEPTH), in_turns(1, 0.3, 0.3))[0])
    assert Symptom.LR_TOO_HIGH not in found(judge(60, chain(DEPTH), in_turns(2, 0.3, 0.3))[0])


def test_steps_that_leave_nothing_of_one_of_two_networks_are_too_large_whatever_it_loses() -> None:
    engine, _ = judge(60, chain(DEPTH), in_turns(2, 2.0, 0.01))
    finding = next(one for one in engine.findings if one.symptom is Symptom.LR_TOO_HIGH)
    assert (finding.first_step, finding.active) == (1, True)
    assert "changes the weights of fc0, fc1" in finding.message
    assert "200%" in finding.message
    assert f"fc{DEPTH - 1}" not in finding.message


def test_where_the_loss_jumps_after_such_updates_it_may_have_come_down() -> None:
    # From 100 to about 3, between jumps: below half of the start, and no lower any more.
    losses = [100.0, 20.0, 3.0, 60.0, 3.0, 70.0, 2.0, 50.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0]
    assert lost(losses, update=0.3)[0].symptom is Symptom.LR_TOO_HIGH
    assert Symptom.LR_TOO_HIGH not in {one.symptom for one in lost(losses, update=0.03)}


def test_a_rate_whose_first_steps_replaced_the_weights_is_too_high_at_half_of_the_bound() -> None:
    def figures(first: float) -> set[Symptom]:
        return found(
            judge(
                60,
                chain(DEPTH),
                lambda step: moving(DEPTH, first if step < 4 else 0.03, loss=2.2),
            )[0]
        )

    assert figures(0.6) == {Symptom.LR_TOO_HIGH}
    assert figures(0.06) == set()


def test_where_they_have_blown_the_weights_up_as_well_a_quarter_of_the_bound_is_too_high() -> None:
    def figures(step: int, first: float) -> dict[str, Any]:
        norm = np.full(DEPTH, 4.0 if step < 8 else 40.0)
        values = moving(DEPTH, first if step < 8 else 0.016, loss=2.2)
        return {**values, "matrix_norm": norm, "weight_norm": norm}

    of_rate = judge(80, chain(DEPTH), partial(figures, first=0.6))[0].findings
    assert [one.symptom for one in of_rate] == [Symptom.LR_TOO_HIGH, Symptom.WEIGHTS_GROWING]
    of_weights = judge(80, chain(DEPTH), partial(figures, first=0.04))[0].findings
    assert [one.symptom for one in of_weights] == [Symptom.WEIGHTS_GROWING]


def test_it_stays_the_cause_of_weights_that_it_has_made_large() -> None:
    def figures(step: int) -> dict[str, Any]:
        norm = np.full(DEPTH, min(4.0 + step, 60.0))
        update = 0.3 if step < 50 else 1e-3
        return {**moving(DEPTH, update, loss=2.2), "matrix_norm": norm, "weight_norm": norm}

    cause, *others = judge(200, chain(DEPTH), figures)[0].findings
    assert (cause.symptom, cause.active) == (Symptom.LR_TOO_HIGH, True)
    by = {one.symptom: one for one in others}
    assert by[Symptom.WEIGHTS_GROWING].because is Symptom.LR_TOO_HIGH


def shut_from(step: int, update: float) -> set[Symptom]:
    """What is said where the units of a layer are off from a step on."""
    off = np.zeros(DEPTH)
    off[1] = 1.0

    def figures(now: int) -> dict[str, Any]:
        values = moving(DEPTH, update if now < max(step, 4) else 1e-3, loss=2.0)
        return {**values, "act_dead_fraction": off if now >= step else np.zeros(DEPTH)}

    return found(judge(40, chain(DEPTH), figures)[0])


def test_large_steps_after_which_a_layer_is_shut_were_too_large() -> None:
    assert shut_from(4, 0.14) == {Symptom.DEAD_RELU, Symptom.LR_TOO_HIGH}
    assert shut_from(4, 0.01) == {Symptom.DEAD_RELU}
    assert shut_from(0, 0.14) == {Symptom.DEAD_RELU}


def test_the_first_advice_after_such_steps_is_a_lower_rate_and_fresh_weights() -> None:
    off = np.zeros(DEPTH)
    off[1] = 1.0

    def figures(now: int) -> dict[str, Any]:
        values = moving(DEPTH, 0.2 if now < 6 else 1e-3, loss=2.0)
        return {**values, "act_dead_fraction": off if now >= 6 else np.zeros(DEPTH)}

    cause, dead = judge(40, chain(DEPTH), figures)[0].findings
    assert (cause.symptom, dead.because) == (Symptom.LR_TOO_HIGH, Symptom.LR_TOO_HIGH)
    assert cause.remedies[0].title == "Lower the learning rate to 0.005, and reinitialize fc1"


def first_steps(losses: list[float], norms: list[float]) -> set[Symptom]:
    """What is said of a run that goes on as its last given step, by updates of a hundredth."""

    def step(number: int) -> dict[str, Any]:
        place = min(number, len(losses) - 1)
        return moving(DEPTH, 0.01, losses[place], total_grad_norm=norms[place])

    return found(judge(30, chain(DEPTH), step)[0])


def test_a_loss_that_the_first_update_multiplies_for_good_means_that_the_rate_is_too_high() -> None:
    assert first_steps([2.0, 200.0], [1.0, 100.0]) == {Symptom.LR_TOO_HIGH}


def test_a_loss_that_comes_back_or_whose_gradient_does_not_grow_is_another_matter() -> None:
    assert first_steps([2.0, 200.0, 200.0, 3.0], [1.0, 100.0, 100.0, 1.0]) == set()
    assert first_steps([2.0, 200.0], [1.0, 1.0]) == set()
    assert first_steps([0.0, 200.0], [1.0, 100.0]) == set()


def test_large_updates_began_as_long_ago_as_they_were_large_without_a_break() -> None:
    def began(first: int) -> int:
        losses = [2.0] * 14 + [2e6]
        return next(
            one
            for one in judge(
                len(losses),
                chain(DEPTH),
                lambda i: moving(DEPTH, 3.0 if i >= first else 1e-3, losses[i]),
            )[0].findings
            if one.symptom is Symptom.LR_TOO_HIGH
        ).first_step

    assert began(12) == 12
    assert began(2) == 2


def said(steps: int, update: Callable[[int], float], loss: Callable[[int], float]) -> set[Symptom]:
    """What is found in a run whose step changes so much of the weights, at such a loss."""
    return found(judge(steps, chain(DEPTH), lambda i: moving(DEPTH, update(i), loss(i)))[0])


def test_large_first_steps_that_come_to_rest_are_no_rate_too_high() -> None:
    def noisy(step: int) -> float:
        return 0.31 + 0.02 * (step % 2)

    def adagrad(step: int) -> dict[str, Any]:
        values = moving(DEPTH, 0.25 / (1 + step) ** 0.5, noisy(step))
        return {**values, "wiring": Wiring(optimizers=("Adagrad",))}

    # Next to nothing can be learned, and so the loss stays.
    assert said(60, lambda i: 0.25 / (1 + i), noisy) == set()
    assert judge(60, chain(DEPTH), adagrad)[0].findings == []
    assert said(60, lambda _: 0.08, noisy) == {Symptom.LR_TOO_HIGH}


def test_steps_that_come_to_rest_after_they_had_raised_the_loss_are_too_high() -> None:
    def raised(step: int) -> float:
        return 2.0 if not step else 2.8 - 0.005 * step + 0.02 * (step % 2)

    assert Symptom.LR_TOO_HIGH in said(60, lambda i: 0.25 / (1 + i) ** 0.5, raised)


def test_a_fall_back_to_where_the_first_steps_raised_the_loss_from_is_no_learning() -> None:
    def raised(step: int, least: float) -> float:
        return 2.0 if not step else least + 8 * 0.9**step

    assert Symptom.LR_TOO_HIGH in said(35, lambda _: 0.2, lambda i: raised(i, 2.0))
    assert Symptom.LR_TOO_HIGH not in said(35, lambda _: 0.2, lambda i: raised(i, 0.0))


def test_a_loss_is_high_that_is_below_half_of_what_the_first_steps_made_of_it() -> None:
    losses = [2.0, *[10.0] * 5, *[3.0, 2.9] * 20]
    assert Symptom.LR_TOO_HIGH in said(40, lambda _: 0.2, lambda i: losses[i])
    assert Symptom.LR_TOO_HIGH not in said(40, lambda _: 0.2, lambda i: [10.0, *losses[1:]][i])


def blown_up(steps: int, change: float) -> Engine:
    """Weights that the first steps make ten times as large, of a loss that says nothing."""

    def figures(step: int) -> dict[str, Any]:
        norm = np.full(DEPTH, 4.0 * min(1 + step, 10))
        moved = np.full(DEPTH, 4.0 * change * (step < 9))
        still = moving(DEPTH, 0.0, loss=0.0, total_grad_norm=0.0)
        return {**still, "matrix_norm": norm, "weight_norm": norm, "matrix_change": moved}

    return judge(steps, chain(DEPTH), figures)[0]


def test_weights_that_the_first_steps_have_blown_up_are_due_to_the_rate_whatever_is_lost() -> None:
    finding = blown_up(80, change=1.0).findings[0]
    assert (finding.symptom, finding.first_step, finding.active) == (Symptom.LR_TOO_HIGH, 0, True)
    assert Symptom.WEIGHTS_GROWING in finding.consequences
    assert "steps changed the weights by up to 100% of their size" in finding.message


def test_weights_that_were_given_larger_values_are_no_work_of_the_steps() -> None:
    assert found(blown_up(80, change=1e-3)) & {Symptom.LR_TOO_HIGH, Symptom.WEIGHTS_GROWING} == {
        Symptom.WEIGHTS_GROWING
    }


def test_a_loss_that_falls_at_every_step_is_falling_however_little() -> None:
    assert said(60, lambda _: 0.08, lambda i: 2.0 - 0.005 * i) == set()


def test_a_finding_closes_where_the_newest_steps_hardly_move_the_weights() -> None:
    _, history = judge(30, chain(DEPTH), moving(DEPTH, 0.08, loss=2.2))
    detection = lr_too_high(Window(history), None)
    assert detection is not None
    engine, _ = judge(
        [*range(30), 100, 200], chain(DEPTH), lambda i: moving(DEPTH, 0.08 if i < 30 else 1e-4, 2.2)
    )
    (finding,) = [one for one in engine.findings if one.symptom is Symptom.LR_TOO_HIGH]
    assert finding.last_step < 200


def other_data(before: float, rate: float) -> set[Symptom]:
    """What is found where the loss leaps at step 100, after updates of that size."""

    def figures(step: int) -> dict[str, Any]:
        later = step >= 100
        loss = 3.0 * 0.7 ** (step - 108) + 1 if step > 108 else 4.0 if later else 2.0 * 0.9**step
        return moving(DEPTH, 0.06 if later else before, loss, lr=rate if later else 0.1)

    return found(judge(140, chain(DEPTH), figures)[0])


def test_other_data_have_large_steps_at_a_rate_that_worked_before() -> None:
    assert Symptom.LR_TOO_HIGH not in other_data(1e-3, rate=0.1)
    assert Symptom.LR_TOO_HIGH in other_data(1e-3, rate=1.0)
    assert Symptom.LR_TOO_HIGH in other_data(0.06, rate=0.1)


def with_wiring(wiring: Wiring, loss: float = 2.2, size: float = 1.0, **scalars: float) -> str:
    """What is said of steps that are too large, with outputs of a size."""
    figures = {**moving(DEPTH, 0.3, loss, **scalars), "act_rms": np.full(DEPTH, size)}
    figures["wiring"] = wiring
    return judge(60, chain(DEPTH), figures)[0].findings[0].message


def test_what_a_step_adds_up_is_named_as_the_reason() -> None:
    summed = Wiring(optimizers=("SGD",), obstacles={"added up": ("mse_loss", "128", "128")})
    several = Wiring(optimizers=("SGD",), obstacles={"added up": ("nll_loss", "1", "1")})
    assert "The loss adds up 128 errors in place of averaging them" in with_wiring(summed)
    assert "Each step adds up 16 backward passes" in with_wiring(several, passes=16.0)
    assert with_wiring(several).endswith("the learning rate is too high.")


def test_a_schedule_that_has_raised_the_rate_is_the_reason_and_no_sum() -> None:
    summed = Wiring(optimizers=("SGD",), obstacles={"added up": ("mse_loss", "128", "128")})

    def rises(step: int) -> dict[str, Any]:
        update, rate = (0.001, 0.01) if step < 30 else (0.3, 3.0)
        return {**moving(DEPTH, update, loss=2.2, lr=rate), "wiring": summed}

    finding = judge(80, chain(DEPTH), rises)[0].findings[0]
    assert finding.symptom is Symptom.LR_TOO_HIGH
    assert "adds up" not in finding.message


def test_outputs_that_start_too_large_are_named() -> None:
    feeds = {f"fc{i}": (f"fc{i + 1}" if i < DEPTH - 1 else "(loss)",) for i in range(DEPTH)}
    classes = Wiring(feeds=feeds, loss_path=("nll_loss", "log_softmax"))
    start = "The loss starts at 110, where a guess has 2.8: the outputs are too large"
    assert start in with_wiring(classes, loss=110.0, size=90.0)
    assert "a guess has" not in with_wiring(classes, loss=3.5, size=90.0)
    # What multiplies the loss makes no outputs larger.
    assert "a guess has" not in with_wiring(classes, loss=110.0, size=1.0)
    # A sum of as many passes starts as much higher.
    several = Wiring(feeds, classes.loss_path, obstacles={"added up": ("nll_loss", "1", "1")})
    assert "a guess has" not in with_wiring(several, loss=110.0, size=90.0, passes=16.0)
