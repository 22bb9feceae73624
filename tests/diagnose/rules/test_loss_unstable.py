"""Updates that make the loss jump up."""

from __future__ import annotations

from typing import Any

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.loss_unstable import loss_unstable
from tests.support.frames import chain, found, judge, moving

DEPTH = 6


def swings(step: int) -> float:
    return 4.0 if step % 7 == 3 else 1.5


def test_jumps_of_the_loss_after_large_updates_are_an_instability() -> None:
    engine, _ = judge(60, chain(DEPTH), lambda step: moving(DEPTH, 0.04, loss=swings(step)))
    assert Symptom.LOSS_UNSTABLE in found(engine)


def test_the_jumps_are_counted() -> None:
    _, history = judge(60, chain(DEPTH), lambda step: moving(DEPTH, 0.04, loss=swings(step)))
    detection = loss_unstable(Window(history), None)
    assert detection is not None
    # At steps 3, 10, 17 ... 59, the first of which is the first evidence.
    assert detection.evidence["value"] == len(range(3, 60, 7))
    assert detection.first_step == 2


def test_the_same_jumps_after_small_updates_are_noise_of_the_batches() -> None:
    engine, _ = judge(60, chain(DEPTH), lambda step: moving(DEPTH, 1e-3, loss=swings(step)))
    assert engine.findings == []


def test_jumps_need_no_large_updates_where_next_to_nothing_is_kept_of_what_layers_give() -> None:
    def dropped(share: float, base: float = 0.0) -> list[Any]:
        figures = [
            moving(DEPTH, 1e-3, loss=base + swings(step), most_dropped=share) for step in range(60)
        ]
        return judge(60, chain(DEPTH), lambda step: figures[step])[0].findings

    (finding,) = dropped(0.98)
    assert finding.symptom is Symptom.LOSS_UNSTABLE
    assert "a dropout of 98%" in finding.message
    assert finding.remedies[0].title == "Drop out 0.1 of the units"
    assert dropped(0.5) == []
