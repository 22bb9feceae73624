"""Targets that a fresh network is far away from, and those that come sorted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.frame import LOSS, Wiring
from tests.support.frames import chain, found, healthy, judge, only

DEPTH = 4
ENTRIES = 64
REGRESSION = Wiring(loss_path=("mse_loss",))


def far(residual: float, wiring: Wiring = REGRESSION, **changes: Any) -> dict[str, Any]:
    """A step of a regression whose outputs are so far from the targets, and stay there."""
    slope = 2 * residual / ENTRIES
    gradient = {
        "act_grad_rms": np.full(DEPTH, slope),
        "act_grad_norm": np.full(DEPTH, slope * ENTRIES**0.5),
    }
    return healthy(DEPTH, scalars={"loss": residual**2}, wiring=wiring, **{**gradient, **changes})


def test_prices_that_are_not_scaled_are_named_where_nothing_is_learned() -> None:
    finding = judge(150, chain(DEPTH), far(250_000.0))[0].findings[0]
    assert finding.symptom is Symptom.BAD_TARGETS
    assert "250,000" in finding.message
    assert finding.layers == ("fc3",)
    assert [one.title for one in finding.remedies] == ["Scale the targets"]
    # What errors of a squared loss are is in the gradient that the outputs get: how far they are.
    assert "* 250000\n" in finding.remedies[0].code


def test_they_explain_what_follows_from_them() -> None:
    dead = np.array([1.0, 1.0, 0.0, 0.0])
    first, second = judge(60, chain(DEPTH), far(5_000.0, act_dead_fraction=dead))[0].findings
    assert (first.symptom, first.consequences) == (Symptom.BAD_TARGETS, (Symptom.DEAD_RELU,))
    assert second.because is Symptom.BAD_TARGETS


def test_silent_where_training_goes_well() -> None:
    def falls(step: int) -> dict[str, Any]:
        return far(250_000.0 * 0.97**step)

    assert judge(200, chain(DEPTH), falls)[0].findings == []


def test_silent_on_amounts_on_other_losses_and_where_outputs_are_as_large() -> None:
    for figures in (
        far(20.0),
        far(250_000.0, Wiring(loss_path=("nll_loss", "log_softmax"))),
        far(250_000.0, act_rms=np.full(DEPTH, 1e5)),
    ):
        assert Symptom.BAD_TARGETS not in found(judge(150, chain(DEPTH), figures)[0])


def of_class(numbers: Callable[[int], int | None], loss: float = 2.0) -> Callable[[int], Any]:
    """Steps with batches of one class each; of two classes where there is no number."""

    def figures(step: int) -> dict[str, Any]:
        number = numbers(step)
        known = {"target_classes": 2.0} if number is None else {"target_class": float(number)}
        return healthy(DEPTH, scalars={"target_classes": 1.0, **known, "loss": loss})

    return figures


def test_data_that_comes_sorted_by_class_is_named() -> None:
    finding = only(judge(60, chain(DEPTH), of_class(lambda step: step // 25))[0])
    assert (finding.symptom, finding.title) == (Symptom.BAD_TARGETS, "Batches of one class each")
    assert "Every batch holds samples of one class alone (class 0 at step 24" in finding.message
    assert [one.title for one in finding.remedies] == ["Shuffle the data"]


def test_batches_at_the_borders_of_classes_may_hold_two() -> None:
    def number(step: int) -> int | None:
        return None if step % 8 == 7 else step // 8

    assert "Nearly every batch" in only(judge(60, chain(DEPTH), of_class(number))[0]).message


@pytest.mark.parametrize(
    "numbers",
    [
        lambda _: 1,  # the only class that there is
        lambda step: step % 2,  # two kinds that take turns
        lambda step: step % 7,  # a recording at a time
        lambda step: None if step % 3 == 0 else step // 25,  # batches of several classes as well
    ],
)
def test_silent_where_batches_of_one_class_are_no_order_of_the_data(
    numbers: Callable[[int], int | None],
) -> None:
    assert judge(60, chain(DEPTH), of_class(numbers))[0].findings == []


Labels = Callable[[int], tuple[float, float]]
"""The least and the greatest target of a judge's turn, by its number; NaN where there are none."""


def game(judges: Labels, loss: float = 0.001, makers_label: float = 1.0) -> set[Symptom]:
    """A maker of two layers and a judge of two behind it, whose loss ends where it is told."""
    wiring = Wiring(
        feeds={"fc0": ("fc1",), "fc1": ("fc2",), "fc2": ("fc3",), "fc3": (LOSS,)},
        loss_path=("add", "binary_cross_entropy_with_logits"),
        optimizers=("Adam", "Adam"),
    )

    def figures(step: int) -> dict[str, Any]:
        is_maker = step % 2 == 1
        trained = np.array([is_maker, is_maker, not is_maker, not is_maker])
        low, high = (makers_label, makers_label) if is_maker else judges(step // 2)
        losses = 0.7 + min(step / 60, 1.0) * (loss - 0.7)
        return healthy(
            DEPTH,
            grad_norm=np.where(trained, 0.16, np.nan),
            measured={"grad_norm": trained},
            scalars={"loss": losses, "target_min": low, "target_max": high},
            wiring=wiring,
        )

    engine = judge(120, chain(DEPTH), figures)[0]
    for finding in engine.findings:
        if finding.symptom is Symptom.BAD_TARGETS:
            assert finding.layers == ("fc2", "fc3")
            titles = [one.title for one in finding.remedies]
            assert titles == ["Give real and generated samples different targets"]
    return found(engine)


@pytest.mark.parametrize("label", [0.0, 0.9, 1.0])
def test_a_judge_with_one_label_for_all_learns_to_give_that(label: float) -> None:
    assert Symptom.BAD_TARGETS in game(lambda _: (label, label))


def test_silent_on_games_whose_judge_has_something_to_tell() -> None:
    for one, case in {
        "both in one step": game(lambda _: (0.0, 1.0)),
        "steps of their own": game(lambda turn: (turn % 2, turn % 2)),
        "not learned": game(lambda _: (1.0, 1.0), loss=0.6),
        "one of two terms is subtracted": game(lambda _: (1.0, 1.0), loss=-5.0),
        "no labels at all": game(lambda _: (np.nan, np.nan)),
        "a critic of an actor": game(lambda _: (1.0, 1.0), makers_label=np.nan),
    }.items():
        assert Symptom.BAD_TARGETS not in case, one


HEADS = Wiring(
    loss_path=("add", "mse_loss", "nll_loss"),
    feeds={"fc0": ("fc1",), "fc1": ("fc2", "fc3"), "fc2": ("(loss)",), "fc3": ("(loss)",)},
)


@pytest.mark.parametrize(
    ("share", "falls", "said"),
    [
        (1 / 150, 1.0, "count for little: its gradient is 150 times theirs"),
        (1 / 50_000, 1.0, "are negligible"),
        (1 / 50_000, 0.97, "are negligible"),  # that is wrong whatever becomes of the loss
        (1 / 150, 0.97, None),  # a value that is learned, as of an actor and a critic
        (1 / 20, 1.0, None),  # terms that differ as usual
    ],
)
def test_one_of_several_terms_that_outweighs_the_others_is_named_where_it_harms(
    share: float, falls: float, said: str | None
) -> None:
    def figures(step: int) -> dict[str, Any]:
        values = far(500.0 * falls**step, HEADS)
        for metric in ("act_grad_rms", "act_grad_norm"):
            values[metric] = values[metric] * np.array([1, 1, share, 1])
        return values

    engine, _ = judge(150, chain(DEPTH), figures)
    known = [one for one in engine.findings if one.symptom is Symptom.BAD_TARGETS]
    assert [one.layers for one in known] == [("fc3",)] * (said is not None)
    for one in known:
        assert f"Beside the error of fc3, the other terms of the loss {said}." in one.message
        assert one.first_step == 0


def of_batches(classes: list[int], size: int, epochs: int = 3, **figures: Any) -> list[Finding]:
    """What is found in steps with batches of so many targets each, in their order."""
    batches = [classes[start : start + size] for start in range(0, len(classes), size)] * epochs

    def of(step: int) -> dict[str, Any]:
        low, high = min(batches[step]), max(batches[step])
        known = {"target_class_min": float(low), "target_class_max": float(high)}
        known = {"target_class": float(low)} if low == high else known
        count = float(len(set(batches[step])))
        scalars = {"target_classes": count, **known, "loss": 2.0 * 0.99**step}
        return healthy(DEPTH, scalars=scalars, **figures)

    return judge(len(batches), chain(DEPTH), of)[0].findings


@pytest.mark.parametrize("size", [64, 100, 128, 256])
def test_sorted_data_is_named_also_where_its_classes_end_within_batches(size: int) -> None:
    """Ten classes of 178 samples: of 64 each, a third of the batches are of two classes."""
    classes = [number for number in range(10) for _ in range(178)]
    finding = of_batches(classes, size, act_dead_fraction=np.array([0.0, 0.0, 1.0, 0.0]))[0]
    assert (finding.symptom, finding.title) == (Symptom.BAD_TARGETS, "Data sorted by class")
    assert "begins with the class that the one before has ended with (class" in finding.message
    assert [one.title for one in finding.remedies] == ["Shuffle the data"]
    assert finding.consequences == (Symptom.DEAD_RELU,)
    # With small steps the next epoch comes before anything is forgotten.
    assert of_batches(classes, size) == []


@pytest.mark.parametrize("shares", [[1, 1], [97, 3], [1] * 10, [90, *[1] * 10], [3, 90, 4, 3]])
@pytest.mark.parametrize("size", [8, 32])
def test_silent_on_data_that_is_drawn_at_random_however_rare_some_classes_are(
    shares: list[int], size: int
) -> None:
    chance = np.random.default_rng(len(shares))
    p = np.array(shares) / sum(shares)
    classes = chance.choice(len(p), 200 * size, p=p).tolist()
    dead = np.array([0.0, 0.0, 1.0, 0.0])
    [finding] = of_batches(classes, size, 1, act_dead_fraction=dead)
    assert finding.symptom is Symptom.DEAD_RELU


@pytest.mark.parametrize(
    "of_step",
    [
        lambda step: {0, step // 20},  # ever more classes
        lambda step: {2 * (step // 40), 2 * (step // 40) + 1},  # tasks of two classes each
    ],
)
def test_silent_where_several_classes_of_a_batch_are_no_order_of_the_data(
    of_step: Callable[[int], set[int]],
) -> None:
    drawn = [[min(of_step(step)), max(of_step(step))] for step in range(200)]
    classes = [one for batch in drawn for one in batch]
    [finding] = of_batches(classes, 2, 1, act_dead_fraction=np.array([0.0, 0.0, 1.0, 0.0]))
    assert finding.symptom is Symptom.DEAD_RELU


def of_numbers(
    low: Callable[[int], float],
    high: Callable[[int], float],
    wiring: Wiring = REGRESSION,
    *,
    is_alone: bool = True,
    **figures: Any,
) -> Callable[[int], Any]:
    """Steps of a loss whose targets are between two numbers; it is learned."""

    def of(step: int) -> dict[str, Any]:
        targets = {"target_min": low(step), "target_max": high(step)}
        deviation = {"target_std": 0.3 * (high(step) - low(step))} if is_alone else {}
        scalars = {"loss": 0.5 * 0.95**step, **targets, **deviation}
        return healthy(DEPTH, scalars=scalars, wiring=wiring, **figures)

    return of


@pytest.mark.parametrize(
    "path", [("mse_loss",), ("smooth_l1_loss",), ("huber_loss", "softplus"), ("mse_loss", "tanh")]
)
def test_targets_that_are_all_one_number_are_named(path: tuple[str, ...]) -> None:
    steps = of_numbers(lambda _: 0.0, lambda _: 0.0, Wiring(loss_path=path))
    finding = only(judge(60, chain(DEPTH), steps)[0])
    assert (finding.symptom, finding.title) == (Symptom.BAD_TARGETS, "All targets are the same")
    assert finding.message.startswith("Every target so far is 0, in all of the 52 batches")
    [remedy] = finding.remedies
    assert (remedy.title, remedy.code) == ("Look at the targets", "")
    assert "should not be 0, from the file to the loss" in remedy.why


@pytest.mark.parametrize(
    "steps",
    [
        of_numbers(lambda _: 0.0, lambda _: 1.0),
        of_numbers(lambda step: step % 5, lambda step: step % 5),  # a number for each batch
        of_numbers(lambda _: 0.0, lambda step: float(step == 7)),  # rare ones
        # One of several terms, as of the border of a differential equation.
        of_numbers(lambda _: 0.0, lambda _: 0.0, is_alone=False),
        # An error that is to become 0: what is held against it was calculated from the outputs.
        of_numbers(lambda _: 0.0, lambda _: 0.0, Wiring(loss_path=("mse_loss", "sub", "add"))),
        # What another network, which is not watched, thinks of the outputs.
        of_numbers(lambda _: 1.0, lambda _: 1.0, Wiring(loss_path=("mse_loss", "addmm"))),
        of_numbers(lambda _: 1.0, lambda _: 1.0, Wiring(loss_path=("binary_cross_entropy",))),
    ],
)
def test_silent_where_one_target_is_right_or_there_are_others(
    steps: Callable[[int], Any],
) -> None:
    assert judge(60, chain(DEPTH), steps)[0].findings == []


def test_silent_where_a_judge_that_stays_as_it_is_gets_one_target() -> None:
    steps = of_numbers(lambda _: 1.0, lambda _: 1.0)
    layers = [replace(layer, trainable=number < 2) for number, layer in enumerate(chain(DEPTH))]
    assert Symptom.BAD_TARGETS not in found(judge(60, layers, steps)[0])


def test_the_finding_ends_with_the_first_other_target() -> None:
    engine = judge(80, chain(DEPTH), of_numbers(lambda _: 0.0, lambda step: float(step > 60)))[0]
    assert [one.active for one in engine.findings] == [False]
