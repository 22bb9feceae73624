from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwidget.capture.guard import Guard
from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules import RULES
from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.record.history import History
from tests.support.frames import chain, found, frame, healthy, judge

DEPTH = 6
GRADIENT_SYMPTOMS = {Symptom.VANISHING_GRADIENTS, Symptom.EARLY_LAYERS_FROZEN}
GRADIENTS = ("grad_norm", "grad_rms", "act_grad_rms", "act_grad_norm")


def noisy(seed: int, step: int, scale: float = 1.0) -> dict[str, Any]:
    """A healthy step with the noise of a small batch and a loss that falls."""
    random = np.random.default_rng((seed, step))
    usual = healthy(DEPTH)
    values = {name: usual[name] * random.lognormal(0, 0.5, DEPTH) * scale for name in GRADIENTS}
    loss = 2.0 * np.exp(-step / 50) + 0.1 * random.random()
    return healthy(
        DEPTH,
        **values,
        scalars={"loss": loss, "total_grad_norm": float(np.linalg.norm(values["grad_norm"]))},
    )


def test_lists_active_findings_first_the_critical_ones_leading() -> None:
    def figures(step: int) -> dict[str, Any]:
        share = np.geomspace(2e-4, 1, DEPTH)
        changes: dict[str, Any] = {"act_grad_rms": share, "act_grad_norm": share}
        if step == 10:
            changes["grad_nonfinite"] = np.ones(DEPTH)
        if step >= 60:
            changes["weight_nonfinite"] = np.ones(DEPTH)
        return healthy(DEPTH, **changes)

    engine, _ = judge(65, chain(DEPTH), figures)
    assert [(finding.symptom, finding.active) for finding in engine.findings] == [
        (Symptom.WEIGHTS_NONFINITE, True),
        (Symptom.VANISHING_GRADIENTS, True),
        (Symptom.GRADIENTS_NONFINITE, False),
    ]


def test_a_finding_is_never_back_dated() -> None:
    history, engine = History(), Engine()
    share = np.geomspace(1e-7, 1, DEPTH)
    for step in range(40):
        history.append(
            frame(step, chain(DEPTH), healthy(DEPTH, act_grad_rms=share, act_grad_norm=share))
        )
        engine.update(history)
        for finding in engine.findings:
            assert finding.first_step <= finding.reported_step <= step
            assert step - finding.last_step < engine.limits.slow_rule_interval
    assert [finding.symptom for finding in engine.findings] == [Symptom.VANISHING_GRADIENTS]


def test_bounds_can_be_overridden() -> None:
    share = np.geomspace(1e-4, 1, DEPTH)
    history, engine = History(), Engine(Thresholds(vanishing_ratio=1e-6))
    for step in range(40):
        history.append(
            frame(step, chain(DEPTH), healthy(DEPTH, act_grad_rms=share, act_grad_norm=share))
        )
        engine.update(history)
    assert engine.findings == []


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), exponent=st.integers(-12, 12))
def test_scaling_all_gradients_of_a_healthy_run_raises_no_finding(seed: int, exponent: int) -> None:
    engine, _ = judge(60, chain(DEPTH), lambda step: noisy(seed, step, 10.0**exponent))
    assert engine.findings == []


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(1, DEPTH - 1)), seed=st.integers(0, 100))
def test_permuting_layers_that_look_alike_permutes_the_layers_named(
    order: list[int], seed: int
) -> None:
    """The middle layers lose their gradient over time; which ones does not depend on where they
    stand."""
    lost = np.random.default_rng(seed).random(DEPTH - 2) < 0.5

    def named(permutation: list[int]) -> set[str]:
        layers = list(chain(DEPTH))
        layers[1:-1] = [replace(layers[0], name=f"fc{i}") for i in permutation]
        fall = np.ones(DEPTH)
        fall[1:-1] = [1e-6 if lost[i - 1] else 1.0 for i in permutation]

        def figures(step: int) -> dict[str, Any]:
            return healthy(DEPTH, grad_norm=0.16 * (fall if step >= 30 else np.ones(DEPTH)))

        engine, _ = judge(60, layers, figures)
        return {name for finding in engine.findings for name in finding.layers}

    assert (
        named(order)
        == named(list(range(1, DEPTH - 1)))
        == {f"fc{i + 1}" for i in np.flatnonzero(lost)}
    )


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_frames_with_entries_that_were_not_measured_neither_crash_nor_alarm(
    seed: int, share: float
) -> None:
    def figures(step: int) -> dict[str, Any]:
        random = np.random.default_rng((seed, step, 1))
        whole = noisy(seed, step)
        masks = {name: random.random(DEPTH) < share for name in whole if name != "scalars"}
        values = {
            name: np.where(mask, whole[name], np.nan)
            for name, mask in masks.items()
            if random.random() < 0.9
        }
        scalars = {
            name: value for name, value in whole["scalars"].items() if random.random() < share
        }
        return {**values, "measured": {name: masks[name] for name in values}, "scalars": scalars}

    engine, _ = judge(60, chain(DEPTH), figures)
    assert found(engine) == set()


def comes_and_goes(*spans: range) -> Engine:
    """A layer whose units are dead in some spans of 500 steps."""

    def figures(step: int) -> dict[str, Any]:
        dead = np.zeros(DEPTH)
        dead[2] = any(step in span for span in spans)
        return healthy(DEPTH, act_dead_fraction=dead)

    return judge(500, chain(DEPTH), figures)[0]


def test_a_finding_that_comes_back_soon_is_the_same_one() -> None:
    [finding] = comes_and_goes(range(50, 120), range(220, 500)).findings
    assert (finding.active, finding.first_step) == (True, 50)
    assert finding.reported_step < 120


def test_one_that_comes_back_late_is_another() -> None:
    now, before = comes_and_goes(range(20, 60), range(400, 500)).findings
    assert (now.active, now.first_step) == (True, 400)
    assert (before.active, before.first_step) == (False, 20)


def test_a_consequence_has_the_remedies_of_its_cause() -> None:
    def figures(step: int) -> dict[str, Any]:
        dead = np.zeros(DEPTH)
        dead[2] = step > 20
        return healthy(DEPTH, act_dead_fraction=dead, scalars={"gradients_kept": 1.0})

    cause, consequence = judge(80, chain(DEPTH), figures)[0].findings
    assert (cause.symptom, cause.consequences) == (
        Symptom.GRADIENTS_NOT_CLEARED,
        (Symptom.DEAD_RELU,),
    )
    assert (consequence.because, consequence.remedies) == (cause.symptom, cause.remedies)


def test_a_cause_that_is_over_explains_nothing_any_more() -> None:
    def figures(step: int) -> dict[str, Any]:
        kept = {"gradients_kept": float(step < 60)}
        share = np.geomspace(1e-7, 1, DEPTH)
        return healthy(DEPTH, act_grad_rms=share, act_grad_norm=share, scalars=kept)

    still_there, over = judge(120, chain(DEPTH), figures)[0].findings
    assert (still_there.symptom, still_there.because) == (Symptom.VANISHING_GRADIENTS, None)
    assert not over.active


def test_what_has_killed_units_explains_them_even_when_it_is_over() -> None:
    def figures(step: int) -> dict[str, Any]:
        dead = np.zeros(DEPTH)
        dead[2] = step > 20
        kept = {"gradients_kept": float(step < 60)}
        return healthy(DEPTH, act_dead_fraction=dead, scalars=kept)

    cause, dead = judge(120, chain(DEPTH), figures)[0].findings
    assert (dead.symptom, dead.because) == (Symptom.DEAD_RELU, cause.symptom)
    assert cause.active
    assert cause.message.endswith("Not seen since step 59.")


def test_what_was_over_when_its_lasting_consequence_was_found_explains_it_all_the_same() -> None:
    grows = np.geomspace(1e9, 1, DEPTH)

    def figures(step: int) -> dict[str, Any]:
        if step < 40:
            return healthy(DEPTH, act_grad_rms=grows, act_grad_norm=grows)
        nothing = np.where(np.arange(DEPTH) < DEPTH - 1, 0.0, 0.1)
        gone = dict.fromkeys((*GRADIENTS, "grad_max_abs"), nothing)
        zero = np.where(nothing > 0, 0.0, 1.0)
        return healthy(DEPTH, **gone, grad_zero_fraction=zero, scalars={"loss": 2.0})

    engine, _ = judge(100, chain(DEPTH), figures)
    by = {one.symptom: one for one in engine.findings}
    explosion = by[Symptom.EXPLODING_GRADIENTS]
    assert by[Symptom.ZERO_GRADIENT].reported_step >= 40 + 20  # when the other one is over
    assert by[Symptom.ZERO_GRADIENT].because is Symptom.EXPLODING_GRADIENTS
    assert engine.findings[0] is explosion
    assert explosion.message.endswith(f"Not seen since step {explosion.last_step}.")


def test_what_is_over_and_seen_again_is_no_longer_called_over() -> None:
    def figures(step: int) -> dict[str, Any]:
        dead = np.zeros(DEPTH)
        dead[2] = step > 20
        kept = {"gradients_kept": float(step < 60 or step >= 200)}
        return healthy(DEPTH, act_dead_fraction=dead, scalars=kept)

    before, now = (judge(steps, chain(DEPTH), figures)[0].findings[0] for steps in (199, 210))
    assert before.message.startswith(now.message)
    assert before.message != now.message


def test_what_explains_why_a_run_is_lost_stays_as_long_as_the_loss_does() -> None:
    grows = np.geomspace(1e9, 1, DEPTH)

    def figures(step: int) -> dict[str, Any]:
        if step < 2:
            return healthy(DEPTH, act_grad_rms=grows, act_grad_norm=grows)
        lost = dict.fromkeys(GRADIENTS, np.full(DEPTH, np.nan))
        broken = {"grad_nonfinite": np.ones(DEPTH), "weight_nonfinite": np.ones(DEPTH)}
        return healthy(DEPTH, **lost, **broken, scalars={"loss": np.nan})

    findings = judge(150, chain(DEPTH), figures)[0].findings
    assert findings[0].symptom is Symptom.EXPLODING_GRADIENTS
    assert findings[0].reported_step <= 2
    assert findings[0].active
    assert {finding.because for finding in findings[1:]} <= set(Symptom)


def test_a_rule_that_fails_costs_its_own_symptom_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Window, __: Finding | None) -> Detection | None:
        raise ArithmeticError

    monkeypatch.setitem(RULES, Symptom.PLATEAU, fails)
    guard = Guard()
    history, engine = History(), Engine(contain=guard.run)
    share = np.geomspace(1e-7, 1, DEPTH)
    for step in range(40):
        values = healthy(DEPTH, act_grad_rms=share, act_grad_norm=share)
        history.append(frame(step, chain(DEPTH), values))
        engine.update(history)
    assert [finding.symptom for finding in engine.findings] == [Symptom.VANISHING_GRADIENTS]
    assert {problem.where for problem in guard.problems} == {"looking for plateau"}


def test_what_cannot_be_explained_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> dict[Symptom, Finding]:
        raise ArithmeticError

    monkeypatch.setattr("gradwidget.diagnose.engine.explained", fails)
    guard = Guard()
    history, engine = History(), Engine(contain=guard.run)
    share = np.geomspace(1e-7, 1, DEPTH)
    for step in range(300):
        sick = {} if step > 40 else {"act_grad_rms": share, "act_grad_norm": share}
        history.append(frame(step, chain(DEPTH), healthy(DEPTH, **sick)))
        engine.update(history)
        if step == 40:
            assert Symptom.VANISHING_GRADIENTS in {one.symptom for one in engine.findings}
    assert not any(one.active for one in engine.findings if one.symptom in GRADIENT_SYMPTOMS)
    assert {problem.where for problem in guard.problems} == {"explaining the findings"}


def test_a_finding_that_grows_has_the_caveat_of_what_it_says_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rule(window: Window, _: Finding | None) -> Detection | None:
        said = "early" if window.step < 5 else "late"
        layers = tuple(str(one) for one in range(1 if said == "early" else 2))
        return Detection("warning", said, layers, 0, {}, f"{said} caveat")

    monkeypatch.setitem(RULES, Symptom.PLATEAU, rule)
    engine, _ = judge(10, chain(DEPTH), healthy(DEPTH))
    (finding,) = (one for one in engine.findings if one.symptom is Symptom.PLATEAU)
    assert (finding.message, finding.caveat) == ("late", "late caveat")


def test_of_what_is_over_the_cause_comes_first_too() -> None:
    def figures(step: int) -> dict[str, Any]:
        kept = {"gradients_kept": float(step < 150)}
        large = 100.0 if 20 < step < 60 else 4.0
        return healthy(DEPTH, matrix_norm=np.full(DEPTH, large), scalars=kept)

    cause, consequence = judge(250, chain(DEPTH), figures)[0].findings
    assert (cause.symptom, cause.active) == (Symptom.GRADIENTS_NOT_CLEARED, False)
    assert (consequence.symptom, consequence.active) == (Symptom.WEIGHTS_GROWING, False)
    assert consequence.because is cause.symptom


def test_of_two_causes_the_one_that_nothing_depends_on_comes_last() -> None:
    def figures(step: int) -> dict[str, Any]:
        del step
        unused = np.zeros(DEPTH)
        unused[1] = 1
        return healthy(
            DEPTH,
            grad_is_none=unused,
            has_run=1 - unused,
            matrix_norm=np.full(DEPTH, 400.0),
            act_dead_fraction=np.eye(DEPTH)[2],
        )

    dead, idle = judge(120, chain(DEPTH), figures)[0].findings
    assert (dead.symptom, dead.because) == (Symptom.DEAD_RELU, None)
    assert (idle.symptom, idle.because) == (Symptom.NO_GRADIENT, None)
