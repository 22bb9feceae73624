"""A loss that hardly improves, with a cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.rules.plateau import plateau
from gradwidget.frame import Layer, Wiring
from tests.support.frames import chain, frame, judge, moving

DEPTH = 6


SAMPLED = [*range(10), 109]
"""The steps that a run at the default budget has seen after 110."""


def test_a_sample_that_shows_the_cause_of_a_plateau_shows_the_plateau_as_well() -> None:
    engine, _ = judge(
        SAMPLED, chain(DEPTH), {**moving(DEPTH, 1e-7), "grad_norm": np.full(DEPTH, 1.0)}
    )
    assert {finding.symptom: finding.reported_step for finding in engine.findings} == {
        Symptom.LR_TOO_LOW: 109,
        Symptom.PLATEAU: 109,
    }


def test_silent_on_a_run_that_had_learned_though_few_steps_were_sampled_while_it_had() -> None:
    def forgets(step: int) -> dict[str, Any]:
        return {
            **moving(DEPTH, 1e-7, loss=0.5 if step == 109 else 2.0),
            "grad_norm": np.full(DEPTH, 1.0),
        }

    assert judge([*SAMPLED, *range(115, 180)], chain(DEPTH), forgets)[0].findings == []


def test_a_flat_loss_alone_is_no_plateau() -> None:
    assert judge(300, chain(DEPTH), moving(DEPTH, 1e-3, loss=0.693))[0].findings == []


def test_it_needs_a_cause_that_is_open_for_long_enough() -> None:
    engine, history = judge(
        150, chain(DEPTH), {**moving(DEPTH, 1e-7), "grad_norm": np.full(DEPTH, 1.0)}
    )
    (cause,) = [f for f in engine.findings if f.symptom is Symptom.LR_TOO_LOW]
    assert plateau(Window(history), None) is None
    detection = plateau(Window(history, active={cause.symptom: cause}), None)
    assert detection is not None
    assert detection.message.endswith("the likely cause is: Learning rate too low.")
    fresh = replace(cause, first_step=140)
    assert plateau(Window(history, active={cause.symptom: fresh}), None) is None


def at_chance(
    step: int,
    *,
    classes: int = 4,
    fall: float = 0.0,
    path: tuple[str, ...] = ("nll_loss", "log_softmax"),
    rate: float = 0.0,
) -> dict[str, Any]:
    """A step of a run that tells nothing apart, or a little more with every step."""
    loss = np.log(classes) * (1 - fall * step) + 0.01 * np.sin(step)
    scalars = {"loss": loss, "lr": 0.01 + rate * step}
    figures = moving(DEPTH, 1e-3, loss=loss)
    return {**figures, "scalars": figures["scalars"] | scalars, "wiring": Wiring(loss_path=path)}


def classifier(classes: int) -> tuple[Layer, ...]:
    head = Layer("head", "Linear", {"weight": (classes, 8), "bias": (classes,)})
    return (*chain(DEPTH)[:-1], head)


@pytest.mark.parametrize(
    ("classes", "changed", "is_said"),
    [
        (4, {}, True),
        (2, {"path": ("binary_cross_entropy_with_logits",)}, True),
        (4, {"fall": 3e-4}, False),  # it learns slowly
        (4, {"path": ("mse_loss",)}, False),  # nobody knows what a constant answer would get
        (4, {"rate": 1e-5}, False),  # a warm-up
        (1000, {}, False),  # takes longer
    ],
)
def test_a_loss_that_stays_at_chance_is_a_plateau_without_any_other_sign(
    classes: int, changed: dict[str, Any], *, is_said: bool
) -> None:
    figures: Callable[[int], dict[str, Any]] = partial(at_chance, classes=classes, **changed)
    engine, history = judge(0, (), {})
    for step in range(330):
        history.losses.extend([step], [figures(step)["scalars"]["loss"]])
        history.append(frame(step, classifier(classes), figures(step)))
        engine.update(history)
        assert step >= 300 or engine.findings == []
    findings = engine.findings
    assert [one.symptom for one in findings] == [Symptom.PLATEAU] * is_said
    for one in findings:
        assert "cannot tell inputs apart" in one.message
        assert [remedy.title for remedy in one.remedies] == ["Look at a batch with its targets"]


def at_mean(
    step: int,
    *,
    share: float = 0.0,
    rise: float = 0.0,
    grows: float = 0.0,
    noise: float = 0.0,
    known: bool = True,
) -> dict[str, Any]:
    """A step of a regression whose loss starts far above what the mean gets, and ends there."""
    constant = 2.0 * (1 + grows * step)
    explained = share + rise * step + noise * np.sin(5 * step)
    loss = 50.0 if step < 5 else constant * (1 - explained)
    figures = moving(DEPTH, 1e-3, loss=loss)
    more = {"constant_error": constant, "explained_share": explained} if known else {}
    return {**figures, "scalars": figures["scalars"] | more}


@pytest.mark.parametrize(
    ("changed", "is_said"),
    [
        ({}, True),
        ({"share": 0.1}, False),  # something is learned of noisy targets
        ({"share": 0.02, "noise": 0.03}, False),  # a little is, of returns
        ({"share": -0.01, "noise": 0.03}, True),  # what is right of a batch by chance
        ({"share": -0.5}, False),  # batches each of which holds what is alike
        ({"share": -0.25, "rise": 5e-4}, False),  # it learns slowly
        ({"grows": 0.005}, False),  # targets that another network makes
        ({"known": False}, False),
    ],
)
def test_a_regression_that_gives_the_mean_for_every_sample_is_a_plateau(
    changed: dict[str, Any], *, is_said: bool
) -> None:
    figures: Callable[[int], dict[str, Any]] = partial(at_mean, **changed)
    engine, history = judge(0, (), {})
    for step in range(530):
        history.losses.extend([step], [figures(step)["scalars"]["loss"]])
        history.append(frame(step, chain(DEPTH), figures(step)))
        engine.update(history)
        assert step >= 500 or Symptom.PLATEAU not in {one.symptom for one in engine.findings}
    plateaus = [one for one in engine.findings if one.symptom is Symptom.PLATEAU]
    assert len(plateaus) == is_said
    assert all("nothing but that mean" in one.message for one in plateaus)
    assert all(
        "below that of predicting the mean of the targets" in one.message for one in plateaus
    )


def test_right_after_the_targets_have_changed_for_good_nothing_is_said() -> None:
    engine, history = judge(0, (), {})
    for step in [*range(20), *range(100, 1001, 100), *range(1001, 1010)]:
        figures = at_mean(step, share=0.8 if 200 < step < 1000 else -0.05)
        history.losses.extend([step], [figures["scalars"]["loss"]])
        history.append(frame(step, chain(DEPTH), figures))
        engine.update(history)
    assert engine.findings == []


def test_a_loss_that_was_flat_long_before_a_symptom_is_not_due_to_that() -> None:
    saturated = np.array([1.0, 0, 0, 0, 0, 0])

    def sick_from(began: int) -> dict[Symptom, Finding]:
        engine, _ = judge(
            500,
            chain(DEPTH, activation="tanh"),
            lambda step: {
                **moving(DEPTH, 1e-3),
                "act_saturated_fraction": saturated * (step >= began),
            },
        )
        return {one.symptom: one for one in engine.findings}

    known = sick_from(60)
    assert known[Symptom.PLATEAU].because is Symptom.SATURATED
    # Nothing is said to follow from what began later: before it, nothing had to be learned yet.
    assert known[Symptom.PLATEAU].first_step == known[Symptom.SATURATED].first_step == 60
    known = sick_from(300)
    assert known[Symptom.SATURATED].first_step == 300
    assert Symptom.PLATEAU not in known


def test_the_step_in_its_words_is_that_of_their_numbers() -> None:
    engine, history = judge(
        [*SAMPLED, *range(120, 700, 30)],
        chain(DEPTH),
        {**moving(DEPTH, 1e-7), "grad_norm": np.full(DEPTH, 1.0)},
    )
    found = next(one for one in engine.findings if one.symptom is Symptom.PLATEAU)
    assert found.reported_step == 109
    told = int(found.message.split()[2])
    assert found.message.startswith(f"At step {told} the loss is still 2 (2 at the start)")
    # However far apart frames are, the numbers are not long out of date.
    assert history.last is not None
    assert history.last.step - told <= 100
