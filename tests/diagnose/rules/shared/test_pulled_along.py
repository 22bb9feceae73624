"""Two players that pull the same way, and games in which one wins at the cost of the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import LOSS, Wiring
from tests.support.frames import chain, found, healthy, judge

FEEDS = {"fc0": ("fc1",), "fc1": ("fc2",), "fc2": ("fc3",), "fc3": (LOSS,)}
"""A maker of two layers, behind it a judge of two."""

Curve = Callable[[int], float]


def game(
    makers_loss: Curve, judges_loss: Curve, outputs: Curve, data: float = 2.0, **wiring: Any
) -> Callable[[int], dict[str, Any]]:
    """The judge's turn at even steps, the maker's at odd ones."""
    known = Wiring(**{"feeds": FEEDS, "optimizers": ("Adam", "Adam"), **wiring})

    def figures(step: int) -> dict[str, Any]:
        is_maker = step % 2 == 1
        trained = np.array([is_maker, is_maker, not is_maker, not is_maker])
        return healthy(
            4,
            grad_norm=np.where(trained, 0.16, np.nan),
            measured={"grad_norm": trained},
            act_rms=np.array([1.0, outputs(step), 1.0, 1.0]),
            scalars={
                "loss": makers_loss(step) if is_maker else judges_loss(step),
                "input_max_abs": 3.0 if is_maker else data,
            },
            wiring=known,
        )

    return figures


def runs_away(step: int) -> float:
    return -0.001 * step**3


def grows(step: int) -> float:
    return 0.2 + 0.01 * step**2


@pytest.mark.parametrize("judges_loss", [runs_away, lambda _: 0.0])
def test_a_maker_that_its_judge_does_not_resist(judges_loss: Curve) -> None:
    """As a critic that only sees the distance grow, and a hinge that has nothing left to do."""
    engine, _ = judge(120, chain(4), game(runs_away, judges_loss, grows))
    finding = engine.findings[0]
    assert finding.symptom is Symptom.GRADIENT_ASCENT
    assert finding.severity == "critical"
    assert finding.layers == ("fc0", "fc1")
    assert "judged by fc2 and fc3" in finding.message
    assert [remedy.title for remedy in finding.remedies] == ["Flip the sign of this network's loss"]
    assert finding.first_step < 20


@pytest.mark.parametrize(
    ("judges_loss", "outputs"),
    [
        pytest.param(lambda step: 0.001 * step**3, grows, id="the judge loses by it"),
        pytest.param(runs_away, lambda _: 3.0, id="outputs of a usual size: an offset drifts"),
        pytest.param(
            runs_away,
            lambda step: min(0.2 + step, 60.0 - 0.01 * step),
            id="outputs that come to the scale of the data",
        ),
    ],
)
def test_silent_on_a_game(judges_loss: Curve, outputs: Curve) -> None:
    engine, _ = judge(120, chain(4), game(runs_away, judges_loss, outputs))
    assert Symptom.GRADIENT_ASCENT not in found(engine)


def test_silent_on_outputs_that_are_on_their_way_to_the_scale_of_the_data() -> None:
    engine, _ = judge(120, chain(4), game(runs_away, runs_away, grows, data=300.0))
    assert Symptom.GRADIENT_ASCENT not in found(engine)


def test_silent_on_a_likelihood_of_the_maker_s_own_that_passes_0() -> None:
    engine, _ = judge(120, chain(4), game(lambda step: 20 - step / 2, lambda _: 0.0, grows))
    assert Symptom.GRADIENT_ASCENT not in found(engine)


def test_the_graph_of_the_judge_s_turns_is_enough() -> None:
    of_the_judge = {"fc2": ("fc3",), "fc3": (LOSS,)}
    engine, _ = judge(120, chain(4), game(runs_away, runs_away, grows, feeds=of_the_judge))
    assert engine.findings[0].symptom is Symptom.GRADIENT_ASCENT
    assert engine.findings[0].layers == ("fc0", "fc1")


def test_silent_where_neither_is_judged_by_the_other() -> None:
    apart = {"fc0": ("fc1",), "fc1": (LOSS,), "fc2": ("fc3",), "fc3": (LOSS,)}
    for feeds in (apart, {}):
        engine, _ = judge(120, chain(4), game(runs_away, runs_away, grows, feeds=feeds))
        assert Symptom.GRADIENT_ASCENT not in found(engine)
