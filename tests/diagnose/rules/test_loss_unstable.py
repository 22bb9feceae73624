"""Updates that make the loss jump up."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.loss_unstable import loss_unstable
from gradwidget.frame import Wiring
from gradwidget.record.history import History
from tests.support.frames import chain, found, frame, judge, moving

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


def test_where_next_to_nothing_is_kept_every_loss_counts_whether_its_step_was_sampled_or_not() -> (
    None
):
    layers, history = chain(DEPTH), History()
    for step in range(120):
        history.losses.extend([step], [swings(step)])
        if step < 11 or step % 40 == 0:
            figures = moving(DEPTH, 1e-3, loss=1.5, most_dropped=0.98)
            history.append(frame(step, layers, figures))
    history.append(frame(119, layers, moving(DEPTH, 1e-3, loss=1.5, most_dropped=0.98)))
    detection = loss_unstable(Window(history), None)
    assert detection is not None
    # Of the newest hundred, 20 to 119, the losses of steps 24, 31 ... 115 jump.
    assert detection.evidence["value"] == len(range(24, 120, 7))


def test_a_loss_far_below_0_has_to_jump_by_half_of_its_size_as_well() -> None:
    def sinks(step: int) -> dict[str, Any]:
        level = -2.0 if step < 10 else -600.0
        return moving(DEPTH, 0.04, loss=level + (100.0 if step > 20 and step % 7 == 3 else 0.0))

    assert Symptom.LOSS_UNSTABLE not in found(judge(60, chain(DEPTH), sinks)[0])


def test_the_losses_of_two_networks_are_no_jumps_of_each_other() -> None:
    first = np.arange(DEPTH) < DEPTH // 2

    def in_turns(step: int) -> dict[str, Any]:
        turn, loss = (first, 4.0) if step % 3 == 2 else (~first, 1.5)
        return {
            **moving(DEPTH, 0.04, loss=loss),
            "grad_norm": np.where(turn, 0.16, np.nan),
            "measured": {"grad_norm": turn},
            "wiring": Wiring(optimizers=("Adam", "Adam")),
        }

    assert Symptom.LOSS_UNSTABLE not in found(judge(60, chain(DEPTH), in_turns)[0])


def noisy(step: int) -> float:
    return (1.0, 1.5, 0.7, 1.2, 0.5, 0.9)[step * step % 6]


def test_jumps_as_large_as_the_noise_from_batch_to_batch_need_updates_that_are_larger_still() -> (
    None
):
    def jumps(update: float, more: float = 0.0) -> bool:
        def figures(step: int) -> dict[str, Any]:
            return moving(DEPTH, update, noisy(step) + more * (step > 30 and step % 7 == 3))

        return Symptom.LOSS_UNSTABLE in found(judge(60, chain(DEPTH), figures)[0])

    assert not jumps(0.04)
    assert jumps(0.2)
    assert jumps(0.04, more=6.0)


def test_jumps_soon_after_the_data_have_become_others_do_not_count() -> None:
    def figures(step: int) -> dict[str, Any]:
        first = step % 30
        loss = (4.0, 1.5, 3.0, 1.0)[first] if step >= 30 and first < 4 else 0.01
        return moving(DEPTH, 0.06 if first < 4 else 1e-3, loss if step > 4 else 2.0)

    assert Symptom.LOSS_UNSTABLE not in found(judge(160, chain(DEPTH), figures)[0])
