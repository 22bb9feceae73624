"""The same batch in frame after frame, as the loop and the sampling make it come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from gradwidget.diagnose.finding import Symptom
from tests.support.frames import chain, healthy, judge, only

DEPTH = 4
SAMPLED = [*range(10), *range(19, 200, 10)]
"""The steps that a run at the default budget has seen."""


def flagged(since: int) -> Any:
    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, scalars={"same_batch": float(step >= since)})

    return figures


@pytest.mark.parametrize(("steps", "reported"), [(range(60), 25), (SAMPLED, 59)])
def test_nine_frames_over_twenty_steps_are_certain(steps: Iterable[int], reported: int) -> None:
    finding = only(judge(steps, chain(DEPTH), flagged(6))[0])
    assert finding.symptom is Symptom.SAME_BATCH
    assert (finding.first_step, finding.reported_step) == (6, reported)
    assert finding.active
    assert "another batch" in finding.remedies[0].title


def test_fewer_are_not() -> None:
    assert judge(25, chain(DEPTH), flagged(6))[0].findings == []


def test_silent_on_frames_that_are_an_epoch_apart() -> None:
    assert judge(range(0, 1000, 10), chain(DEPTH), flagged(6))[0].findings == []


def test_silent_where_one_frame_had_another_batch() -> None:
    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, scalars={"same_batch": float(step % 8 != 0)})

    assert judge(100, chain(DEPTH), figures)[0].findings == []


def test_of_batches_of_one_sample_repeated_nothing_is_said() -> None:
    scalars = {"same_batch": 1.0, "input_variety": 0.0}
    engine, _ = judge(range(60), chain(DEPTH), healthy(DEPTH, scalars=scalars))
    assert Symptom.SAME_BATCH not in {finding.symptom for finding in engine.findings}
