from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.vanishing_gradients import vanishing_gradients
from gradwidget.frame import LOSS, Wiring
from tests.support.frames import chain, found, healthy, judge, only

DEPTH = 8


def profile(ratio: float) -> dict[str, Any]:
    """A step at which the first layer gets ``ratio`` of what the last one gets, falling evenly."""
    share = np.geomspace(ratio, 1, DEPTH)
    return healthy(
        DEPTH, act_grad_rms=0.01 * share, act_grad_norm=0.3 * share, grad_rms=0.01 * share
    )


def test_an_even_decay_over_depth_names_every_layer_past_the_bound() -> None:
    engine, _ = judge(30, chain(DEPTH), profile(1e-7))
    finding = only(engine)
    assert finding.symptom is Symptom.VANISHING_GRADIENTS
    assert finding.layers == ("fc0", "fc1", "fc2", "fc3", "fc4")
    assert finding.first_step == 0
    assert finding.reported_step <= 10
    assert finding.severity == "critical"


def test_silent_on_an_even_profile_of_any_scale() -> None:
    for scale in (1e-12, 1.0, 1e12):
        figures = healthy(DEPTH, act_grad_rms=np.full(DEPTH, scale), grad_rms=np.full(DEPTH, scale))
        engine, _ = judge(40, chain(DEPTH), figures)
        assert engine.findings == []


def test_begins_when_the_decay_begins() -> None:
    engine, _ = judge(80, chain(DEPTH), lambda step: profile(0.3 if step < 50 else 1e-5))
    finding = only(engine)
    assert finding.first_step == 50
    assert 50 < finding.reported_step <= 60


def test_begins_when_both_measures_show_it_and_not_with_the_sizes_of_the_layers() -> None:
    # The mean over many positions makes each entry of an early layer small from the first step.
    small = profile(1e-3)["act_grad_rms"]

    def figures(step: int) -> dict[str, Any]:
        return {
            **profile(0.3 if step < 12 else 1e-6),
            **({"act_grad_rms": small} if step < 12 else {}),
        }

    assert only(judge(40, chain(DEPTH), figures)[0]).first_step == 12


def test_is_resolved_when_the_decay_is_over() -> None:
    engine, _ = judge(120, chain(DEPTH), lambda step: profile(1e-5 if step < 50 else 0.3))
    finding = only(engine)
    assert not finding.active
    assert 49 <= finding.last_step <= 60


def test_a_single_break_is_named_in_the_message() -> None:
    share = np.array([1e-5, 1e-5, 1e-5, 1e-5, 1, 1, 1, 1])
    figures = healthy(DEPTH, act_grad_rms=0.01 * share, act_grad_norm=0.3 * share)
    engine, _ = judge(30, chain(DEPTH), figures)
    assert set(only(engine).layers) == {"fc0", "fc1", "fc2", "fc3"}
    assert "between fc4 and fc3" in only(engine).message


def test_silent_on_branches_that_a_shortcut_bypasses() -> None:
    share = np.array([1, 1e-8, 1, 1e-8, 1, 1e-8, 1, 1])
    figures = healthy(DEPTH, act_grad_rms=0.01 * share, act_grad_norm=0.3 * share)
    engine, _ = judge(60, chain(DEPTH), figures)
    assert engine.findings == []


def test_silent_where_only_each_element_gets_little() -> None:
    # A mean over 784 positions: each element's share is small, the whole is not.
    share = np.array([1 / 784] * 5 + [1, 1, 1])
    figures = healthy(DEPTH, act_grad_rms=0.01 * share, act_grad_norm=0.3 * np.sqrt(share))
    engine, _ = judge(60, chain(DEPTH), figures)
    assert engine.findings == []


def test_waits_for_a_head_that_starts_at_zero() -> None:
    def figures(step: int) -> dict[str, Any]:
        share = np.array([2e-4 * step] * (DEPTH - 1) + [1.0])
        return healthy(DEPTH, act_grad_rms=0.01 * share, act_grad_norm=0.3 * share)

    engine, _ = judge(60, chain(DEPTH), figures)
    assert engine.findings == []


def test_without_activation_gradients_the_weights_must_show_it_more_clearly() -> None:
    def figures(ratio: float) -> dict[str, Any]:
        return {k: v for k, v in profile(ratio).items() if not k.startswith("act_")}

    assert found(judge(30, chain(DEPTH), figures(1e-7))[0]) == {Symptom.VANISHING_GRADIENTS}
    assert found(judge(30, chain(DEPTH), figures(1e-3))[0]) == set()


def test_a_layer_whose_gradient_is_lost_over_time_while_the_loss_stays_high() -> None:
    def figures(step: int, loss: float) -> dict[str, Any]:
        norm = np.full(DEPTH, 0.16)
        norm[2] *= 1.0 if step < 40 else 1e-5
        return healthy(DEPTH, grad_norm=norm, scalars={"loss": 2.0 if step < 40 else loss})

    finding = only(judge(80, chain(DEPTH), lambda step: figures(step, loss=2.0))[0])
    assert finding.layers == ("fc2",)
    assert finding.first_step == 40
    assert found(judge(80, chain(DEPTH), lambda step: figures(step, loss=0.01))[0]) == set()


def test_silent_on_a_model_that_has_converged() -> None:
    def figures(step: int) -> dict[str, Any]:
        falling = np.full(DEPTH, 0.1 * 0.8**step)
        return healthy(
            DEPTH,
            **dict.fromkeys(("grad_norm", "grad_rms", "act_grad_rms", "act_grad_norm"), falling),
            scalars={"loss": 2.0 * 0.64**step},
        )

    assert judge(150, chain(DEPTH), figures)[0].findings == []


def test_the_ratio_over_depth_is_that_of_first_and_last_layer() -> None:
    _, history = judge(30, chain(DEPTH), profile(1e-4))
    detection = vanishing_gradients(Window(history), None)
    assert detection is not None
    assert abs(detection.evidence["value"] / 1e-4 - 1) < 1e-3
    assert (detection.evidence["bound"], detection.severity) == (3e-3, "warning")
    assert detection.message.startswith(
        "fc0 gets 10,000 times less gradient than fc7, ÷ 3.7 a layer:"
    )


def beside_a_skip(ratio: float, *, branch: int = 4) -> dict[str, Any]:
    """A step of a network whose inner layers lie beside a skip, and get ever less of the gradient
    toward the input; the last ones of the branch get a tenth of what the output gets."""
    inner = 0.1 * np.geomspace(ratio, 1, branch)
    share = np.concatenate([[0.5], inner, np.ones(DEPTH - branch - 1)])
    inside = [f"fc{number}" for number in range(1, branch + 1)]
    feeds: dict[str, tuple[str, ...]] = {name: (behind,) for name, behind in pairwise(inside)}
    after = f"fc{branch + 1}"
    feeds |= {"fc0": (inside[0], after), inside[-1]: (after,)}
    feeds |= {f"fc{i}": (f"fc{i + 1}",) for i in range(branch + 1, DEPTH - 1)}
    wiring = Wiring(feeds={**feeds, f"fc{DEPTH - 1}": (LOSS,)})
    return healthy(DEPTH, act_grad_rms=share, act_grad_norm=share, wiring=wiring)


def test_a_long_branch_that_vanishes_is_found_beside_a_way_around_it() -> None:
    finding = only(judge(30, chain(DEPTH), beside_a_skip(1e-5))[0])
    assert finding.symptom is Symptom.VANISHING_GRADIENTS
    assert finding.layers == ("fc1", "fc2")
    assert "less gradient than fc4" in finding.message


def test_a_long_branch_that_is_merely_weak_is_not() -> None:
    assert judge(30, chain(DEPTH), beside_a_skip(0.05))[0].findings == []


def test_a_short_branch_as_of_a_residual_block_is_not() -> None:
    assert judge(30, chain(DEPTH), beside_a_skip(1e-5, branch=3))[0].findings == []


def in_turns(generator: float, loss_of_generator: float, step: int) -> dict[str, Any]:
    """Two networks with an optimizer each: at odd steps the first half of the layers is trained."""
    first = np.arange(DEPTH) < DEPTH // 2
    size = np.where(first, generator, 0.16) if step >= 20 else np.full(DEPTH, 0.16)
    loss = loss_of_generator if step % 2 else 1.0
    turn = first if step % 2 else ~first
    return healthy(
        DEPTH,
        grad_norm=np.where(turn, size, np.nan),
        scalars={"loss": loss if step >= 20 else 1.0},
        wiring=Wiring(optimizers=("Adam", "Adam")),
        measured={"grad_norm": turn},
    )


def test_of_two_opponents_the_one_that_gets_nothing_and_does_not_improve_is_named() -> None:
    finding = only(judge(80, chain(DEPTH), partial(in_turns, 1e-5, 1.5))[0])
    assert finding.symptom is Symptom.VANISHING_GRADIENTS
    assert set(finding.layers) == {"fc0", "fc1", "fc2", "fc3"}


def test_it_is_not_over_where_frames_are_of_the_turns_of_the_other_one_alone() -> None:
    def seldom(step: int) -> dict[str, Any]:
        return in_turns(1e-5, 1.5, step if step < 60 or step % 30 == 1 else 2 * step)

    finding = only(judge(90, chain(DEPTH), seldom)[0])
    assert finding.active
    assert finding.reported_step < 60


def test_one_that_gets_little_since_it_has_succeeded_is_not() -> None:
    assert judge(80, chain(DEPTH), partial(in_turns, 1e-5, 0.01))[0].findings == []
