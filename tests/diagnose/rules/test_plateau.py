"""A loss that hardly improves, with a cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.plateau import plateau
from tests.support.frames import chain, judge, moving

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
