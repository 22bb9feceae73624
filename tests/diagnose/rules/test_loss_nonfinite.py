"""A loss that is NaN or infinite."""

from __future__ import annotations

from typing import Any

import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.loss_nonfinite import loss_nonfinite
from gradwidget.frame import Wiring
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


@pytest.mark.parametrize(
    ("loss", "phase", "path", "is_named"),
    [
        ("inf", "loss", "ctc_loss", True),
        ("inf", "loss", "cudnn_ctc_loss", True),
        ("inf", "loss", "nll_loss", False),
        ("inf", "forward", "ctc_loss", False),
        ("nan", "loss", "ctc_loss", False),
    ],
)
def test_an_infinite_loss_of_alignments_has_a_target_longer_than_its_input(
    loss: str, phase: str, path: str, *, is_named: bool
) -> None:
    wiring = Wiring(loss_path=("mean", path))
    bad = healthy(4, scalars={"loss": float(loss)}, origin=origin(phase), wiring=wiring)
    finding = judge(8, chain(4), lambda step: bad if step > 4 else healthy(4))[0].findings[0]
    words = "in ctc_loss, which is infinite where a target, with a blank between"
    assert (words in finding.message) == is_named
    assert ("zero_infinity=True" in finding.remedies[0].title) == is_named
