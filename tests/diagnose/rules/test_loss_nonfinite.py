"""A loss that is NaN or infinite."""

from __future__ import annotations

from typing import Any

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.loss_nonfinite import loss_nonfinite
from tests.support.frames import chain, found, healthy, judge, only, origin


def after(step_of_fault: int, **changes: Any) -> Any:
    return lambda step: healthy(4, **(changes if step >= step_of_fault else {}))


def test_a_loss_that_is_nan_or_infinite() -> None:
    finding = only(judge(8, chain(4), after(5, scalars={"loss": float("inf")}))[0])
    assert finding.symptom is Symptom.LOSS_NONFINITE
    assert finding.layers == ()
    assert "infinite at step 5" in finding.message
    assert found(judge(8, chain(4), after(5, scalars={"loss": float("nan")}))[0]) == {
        Symptom.LOSS_NONFINITE
    }


def test_the_place_where_it_arose_is_named() -> None:
    lost = healthy(4, scalars={"loss": float("nan")}, origin=origin("forward", "fc2"))
    _, history = judge(3, chain(4), lost)
    detection = loss_nonfinite(Window(history), None)
    assert detection is not None
    assert detection.layers == ("fc2",)
    assert detection.origin == "forward"
    assert detection.message.endswith("it arose in the forward pass, first in fc2.")
