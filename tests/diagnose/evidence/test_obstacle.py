"""What keeps a network from learning at all, and what only looks like it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.obstacle import barriers
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import LOSS, Layer, Obstacle, Wiring
from tests.support.frames import chain, found, judge, moving

DEPTH = 4
FEEDS = {"fc0": ("fc1",), "fc1": ("fc2",), "fc2": ("fc3",), "fc3": (LOSS,)}


def flat(
    *obstacles: Obstacle, update: float = 1e-3, loss: float = 2.0, **more: Any
) -> dict[str, Any]:
    wiring = Wiring(feeds=FEEDS, obstacles=dict.fromkeys(obstacles, ()))
    return {
        **moving(DEPTH, update, loss),
        "grad_norm": np.full(DEPTH, 1.0),
        "wiring": wiring,
        **more,
    }


def a_norm(kind: str, size: int) -> tuple[Layer, ...]:
    return (*chain(DEPTH)[:-1], Layer("fc3", kind, {"weight": (size,), "bias": (size,)}))


@pytest.mark.parametrize(
    ("obstacle", "words", "title"),
    [
        ("every pair", "each output with every target", "Give outputs and targets one shape"),
        ("no targets", "does not depend on the targets", "Lower label_smoothing to 0.1"),
        ("over samples", "over the samples of the batch", "Take the softmax over the classes"),
        ("flat slopes", "second derivative of ReLU is 0", "Use a smooth activation function"),
        ("no bend", "nothing but linear operations", "Put activation functions between the layers"),
        (
            "created again",
            "is created again for nearly every step",
            "Make the optimizer once, before the loop",
        ),
    ],
)
def test_a_flat_loss_is_explained_by_how_the_network_and_its_loss_are_built(
    obstacle: Obstacle, words: str, title: str
) -> None:
    engine, _ = judge(120, chain(DEPTH), flat(obstacle))
    (finding,) = engine.findings
    assert (finding.symptom, finding.because) == (Symptom.PLATEAU, None)
    assert words in finding.message
    assert finding.remedies[0].title == title


def test_a_flat_loss_of_layers_that_only_seem_to_be_unfrozen_is_explained_by_that() -> None:
    def seeming(name: str) -> Any:
        wiring = Wiring(feeds=FEEDS, obstacles={"only an attribute": (name,)})
        return judge(120, chain(DEPTH), {**flat(), "wiring": wiring})[0].findings[0]

    finding = seeming("body.0")
    assert "body.0.requires_grad = True has only set an attribute" in finding.message
    assert finding.remedies[0].code == "model.get_submodule('body.0').requires_grad_(True)"
    assert "requires_grad of the model = True has only set" in seeming("").message


def test_a_flat_loss_is_explained_by_a_view_in_the_place_of_a_permutation() -> None:
    shapes = ("[4, 64, 7, 16]", "[64, 7, 64]")
    for layer, where in (("att.v", "a view after att.v makes"), ("", "a view makes")):
        wiring = Wiring(feeds=FEEDS, obstacles={"scrambled": (*shapes, layer)})
        [finding] = judge(120, chain(DEPTH), {**flat(), "wiring": wiring})[0].findings
        assert f"{where} [64, 7, 64] of [4, 64, 7, 16]" in finding.message
        assert finding.remedies[0].title == "Use permute or transpose in place of view"


def test_a_flat_loss_is_explained_by_a_dropout_of_nearly_everything() -> None:
    def dropping(share: float) -> Any:
        return judge(120, chain(DEPTH), flat(scalars={"loss": 2.0, "most_dropped": share}))[0]

    (finding,) = dropping(0.97).findings
    assert (finding.symptom, finding.because) == (Symptom.PLATEAU, None)
    assert "zeroes 0.97 of the output of a layer" in finding.message
    assert "module.p = 0.1" in finding.remedies[0].code
    assert dropping(0.5).findings == []


def test_a_norm_of_each_sample_by_itself_leaves_nothing_of_a_single_value() -> None:
    engine, _ = judge(120, a_norm("LayerNorm", 1), flat())
    assert "fc3 is a norm over a single value" in engine.findings[0].message
    assert judge(120, a_norm("BatchNorm1d", 1), flat())[0].findings == []
    assert judge(120, a_norm("LayerNorm", 8), flat())[0].findings == []


def test_a_norm_over_a_single_value_is_named_by_what_it_follows() -> None:
    wiring = Wiring(feeds=FEEDS, obstacles={"one entry": ("group_norm", "fc2")})
    engine, _ = judge(120, chain(DEPTH), flat(wiring=wiring))
    assert "the group_norm after fc2 is over a single value" in engine.findings[0].message


def test_silent_on_the_same_network_while_it_learns() -> None:
    def learns(step: int) -> dict[str, Any]:
        return {**flat("every pair", "no bend"), "scalars": {"lr": 0.1, "loss": 2 * 0.98**step}}

    assert found(judge(150, chain(DEPTH), learns)[0]) == set()


def test_what_forbids_learning_comes_before_a_low_rate_and_what_only_limits_it_after() -> None:
    slow = {symptom.symptom: symptom for symptom in _slow("every pair")}
    assert slow[Symptom.LR_TOO_LOW].because is Symptom.PLATEAU
    slow = {symptom.symptom: symptom for symptom in _slow("no bend")}
    assert slow[Symptom.PLATEAU].because is Symptom.LR_TOO_LOW


def _slow(obstacle: Obstacle) -> list[Any]:
    return judge(220, chain(DEPTH), flat(obstacle, update=1e-7))[0].findings


def test_a_slope_that_one_of_two_players_is_asked_for_is_no_barrier() -> None:
    two = Wiring(feeds=FEEDS, obstacles={"flat slopes": ()}, optimizers=("Adam", "Adam"))
    history = judge(3, chain(DEPTH), {**flat(), "wiring": two})[1]
    assert list(barriers(Window(history))) == []


def test_a_single_layer_without_a_bend_is_what_it_is_meant_to_be() -> None:
    alone = Wiring(feeds={"fc0": (LOSS,)}, obstacles={"no bend": ()})
    history = judge(3, chain(1), {**moving(1, 1e-3), "wiring": alone})[1]
    assert list(barriers(Window(history))) == []


def test_logits_within_narrow_bounds_explain_a_loss_at_the_level_of_a_guess() -> None:
    def said(bound: str, classes: str, loss: float) -> Any:
        wiring = Wiring(
            feeds=FEEDS,
            loss_path=("nll_loss", "log_softmax"),
            obstacles={"small logits": (bound, classes)},
        )
        return judge(120, chain(DEPTH), {**flat(loss=loss), "wiring": wiring})[0].findings

    (finding,) = said("0.07", "64", 4.12)
    assert finding.symptom is Symptom.PLATEAU
    assert "they lie between -0.07 and 0.07" in finding.message
    assert "cannot fall below 4.02, and a guess has 4.16" in finding.message
    assert finding.remedies[0].title == "Divide the similarities by the temperature"
    (finding,) = said("1", "1000000", 13.7)
    assert finding.remedies[0].title == "Scale the similarities up"
