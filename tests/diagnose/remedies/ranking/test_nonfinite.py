"""What is offered for a NaN of a known operation."""

from __future__ import annotations

from typing import Any

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy, Symptom
from gradwidget.diagnose.remedies.ranking.by_symptom import remedies_for
from tests.support.frames import chain, healthy, judge, origin

DEPTH = 4


def after_a_nan(
    phase: str, layer: str | None, operation: str, first_step: int = 20
) -> list[Remedy]:
    """What is offered for a NaN that an operation has made."""
    at = origin(phase, layer, operation)

    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, origin=at) if step == 29 else healthy(DEPTH)

    numbers = {"value": 1.0, "bound": 0.0, "window": 1.0}
    found: Any = phase
    detection = Detection("critical", "", (), first_step, numbers, "", found)
    window = Window(judge(30, chain(DEPTH), figures)[1])
    return list(remedies_for(Symptom.LOSS_NONFINITE, detection, window))


def test_the_operation_that_made_a_nan_is_guarded_before_steps_are_skipped() -> None:
    guard, skip = after_a_nan("loss", None, "log")
    assert guard.title == "Guard log in the loss"
    assert "clamp(min=1e-8).log()" in guard.why
    assert "Categorical(logits=logits).entropy()" in guard.why
    assert "most steps are skipped" in skip.why


def test_steps_that_were_never_finite_are_not_skipped_where_the_operation_is_known() -> None:
    assert [one.title for one in after_a_nan("loss", None, "log", 0)] == ["Guard log in the loss"]


def test_a_row_that_a_mask_hides_is_no_work_of_the_rate() -> None:
    guard, skip = after_a_nan("forward", "fc2", "softmax")
    assert guard.title == "Guard softmax in forward() before fc2"
    assert "mask hides every position" in guard.why
    assert skip.title.startswith("Skip steps")
    others = [one.title for one in after_a_nan("forward", "fc2", "exp")]
    assert any("learning rate" in title for title in others)
