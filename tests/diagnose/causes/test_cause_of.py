"""Which finding explains which."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwidget.diagnose.causes.cause_of import Leeway, explained, root_of
from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.finding import Finding, Symptom

S = Symptom
SLACK = Leeway(20)


def finding(symptom: Symptom, first_step: int, **more: Any) -> Finding:
    return Finding(symptom, "warning", "", (), first_step, first_step, first_step, **more)


def causes(*findings: Finding) -> dict[Symptom, Symptom | None]:
    return {symptom: one.because for symptom, one in explained(findings, SLACK).items()}


def test_what_began_first_explains_what_followed() -> None:
    found = causes(finding(S.LR_TOO_HIGH, 0), finding(S.DEAD_RELU, 30), finding(S.PLATEAU, 0))
    assert found == {S.LR_TOO_HIGH: None, S.DEAD_RELU: S.LR_TOO_HIGH, S.PLATEAU: S.LR_TOO_HIGH}


def test_a_cause_does_not_begin_long_after_what_it_would_explain() -> None:
    assert causes(finding(S.DEAD_RELU, 0), finding(S.LR_TOO_HIGH, 100)) == {
        S.DEAD_RELU: None,
        S.LR_TOO_HIGH: None,
    }


def test_what_is_read_exactly_explains_even_what_was_noticed_before() -> None:
    found = causes(finding(S.LOSS_UNSTABLE, 2), finding(S.GRADIENTS_NOT_CLEARED, 9))
    assert found[S.LOSS_UNSTABLE] is S.GRADIENTS_NOT_CLEARED


def test_one_nan_is_one_story_that_begins_with_the_explosion() -> None:
    known = explained(
        [
            finding(S.EXPLODING_GRADIENTS, 0),
            finding(S.LOSS_NONFINITE, 2),
            finding(S.GRADIENTS_NONFINITE, 2),
            finding(S.WEIGHTS_NONFINITE, 3),
        ],
        SLACK,
    )
    assert {root_of(symptom, known) for symptom in known} == {S.EXPLODING_GRADIENTS}
    assert known[S.EXPLODING_GRADIENTS].consequences == (
        S.LOSS_NONFINITE,
        S.GRADIENTS_NONFINITE,
        S.WEIGHTS_NONFINITE,
    )


def test_what_a_lost_run_shows_does_not_explain_why_it_was_lost() -> None:
    found = causes(finding(S.LOSS_NONFINITE, 5), finding(S.EXPLODING_GRADIENTS, 6))
    assert found[S.LOSS_NONFINITE] is None


def test_a_nan_that_arose_in_the_backward_pass_comes_before_that_of_the_loss() -> None:
    found = causes(finding(S.GRADIENTS_NONFINITE, 5), finding(S.LOSS_NONFINITE, 6))
    assert found == {S.GRADIENTS_NONFINITE: None, S.LOSS_NONFINITE: S.GRADIENTS_NONFINITE}


def test_a_scale_of_the_inputs_needs_an_update_to_make_a_nan() -> None:
    scale, missing = finding(S.BAD_INPUTS, 0), finding(S.BAD_INPUTS, 0, origin="input")
    assert causes(scale, finding(S.LOSS_NONFINITE, 0))[S.LOSS_NONFINITE] is None
    assert causes(scale, finding(S.LOSS_NONFINITE, 1))[S.LOSS_NONFINITE] is S.BAD_INPUTS
    assert causes(missing, finding(S.LOSS_NONFINITE, 0))[S.LOSS_NONFINITE] is S.BAD_INPUTS


def test_inputs_past_the_range_of_products_need_none() -> None:
    huge = finding(S.BAD_INPUTS, 0, evidence={"huge": 1.0})
    assert causes(huge, finding(S.LOSS_NONFINITE, 0))[S.LOSS_NONFINITE] is S.BAD_INPUTS


def test_of_losses_that_outputs_do_not_fit_only_one_without_a_minimum_ends_in_a_nan() -> None:
    nan = finding(S.LOSS_NONFINITE, 16)
    unbounded = finding(S.DOUBLE_SOFTMAX, 0, evidence={"unbounded": 1.0})
    assert causes(unbounded, nan)[S.LOSS_NONFINITE] is S.DOUBLE_SOFTMAX
    assert causes(finding(S.DOUBLE_SOFTMAX, 0), nan)[S.LOSS_NONFINITE] is None


def test_a_gradient_that_vanished_in_the_network_as_drawn_is_not_due_to_weights_that_shrink() -> (
    None
):
    shrinking = finding(S.WEIGHTS_SHRINKING, 2)
    for reported, because in ((4, None), (60, S.WEIGHTS_SHRINKING)):
        vanished = Finding(S.VANISHING_GRADIENTS, "warning", "", (), 0, reported, reported)
        assert causes(shrinking, vanished)[S.VANISHING_GRADIENTS] is because


def test_an_overflow_after_small_steps_is_not_the_work_of_these_steps() -> None:
    explosion = finding(S.EXPLODING_GRADIENTS, 5, evidence={"baseline": 1.0})
    over_depth = finding(S.EXPLODING_GRADIENTS, 5)
    for moved, because in ((0.03, None), (3.0, S.EXPLODING_GRADIENTS)):
        overflow = finding(S.LOSS_NONFINITE, 7, origin="forward", evidence={"moved": moved})
        known = causes(explosion, overflow, finding(S.WEIGHTS_NONFINITE, 8, origin="weights"))
        assert known[S.LOSS_NONFINITE] is because
        assert known[S.WEIGHTS_NONFINITE] is S.LOSS_NONFINITE
        assert causes(over_depth, overflow)[S.LOSS_NONFINITE] is S.EXPLODING_GRADIENTS


@given(st.dictionaries(st.sampled_from(list(Symptom)), st.integers(0, 60)))
def test_every_chain_of_explanations_ends(onsets: dict[Symptom, int]) -> None:
    known = explained([finding(symptom, step) for symptom, step in onsets.items()], SLACK)
    for symptom, one in known.items():
        seen = [symptom]
        while (because := known[seen[-1]].because) is not None:
            assert seen[-1] in EXPLAINS[because]
            assert because not in seen
            seen.append(because)
        assert root_of(symptom, known) is seen[-1]
        assert all(symptom in known[one].consequences for one in seen[1:])
        assert symptom not in one.consequences


def test_layers_that_are_never_used_explain_a_plateau_where_nothing_else_does() -> None:
    unused, plateau = finding(S.NO_GRADIENT, 0, evidence={"idle": 1.0}), finding(S.PLATEAU, 0)
    assert causes(unused, plateau)[S.PLATEAU] is S.NO_GRADIENT
    assert causes(unused, plateau, finding(S.LR_TOO_HIGH, 9))[S.PLATEAU] is S.LR_TOO_HIGH
    assert causes(unused, finding(S.VANISHING_GRADIENTS, 0))[S.VANISHING_GRADIENTS] is None
    cut_off = finding(S.NO_GRADIENT, 0, evidence={"idle": 0.0})
    assert causes(cut_off, finding(S.VANISHING_GRADIENTS, 0)) == {
        S.NO_GRADIENT: None,
        S.VANISHING_GRADIENTS: S.NO_GRADIENT,
    }


def test_nothing_found_is_nothing_explained() -> None:
    assert explained([], SLACK) == {}


def test_a_plateau_is_due_to_what_began_while_a_run_need_not_improve_yet() -> None:
    for began, because in ((60, S.LR_TOO_LOW), (100, S.LR_TOO_LOW), (101, None), (504, None)):
        assert causes(finding(S.PLATEAU, 0), finding(S.LR_TOO_LOW, began))[S.PLATEAU] is because


def test_what_began_long_after_it_explains_nothing_even_where_it_is_read() -> None:
    for symptom in (S.EVAL_MODE, S.GRADIENTS_NOT_CLEARED, S.NO_STEP, S.BAD_INPUTS):
        for began in (0, 20):
            assert causes(finding(S.DEAD_RELU, 0), finding(symptom, began))[S.DEAD_RELU] is symptom
        assert causes(finding(S.DEAD_RELU, 0), finding(symptom, 300))[S.DEAD_RELU] is None
        assert causes(finding(S.PLATEAU, 0), finding(symptom, 300))[S.PLATEAU] is None


def test_a_cause_may_have_begun_in_the_steps_before_it_that_were_not_measured() -> None:
    findings = finding(S.SATURATED, 100), finding(S.BAD_INPUTS, 150)
    for unseen, because in ((29, None), (30, S.BAD_INPUTS)):
        known = explained(findings, Leeway(20, unseen={S.BAD_INPUTS: unseen}))
        assert known[S.SATURATED].because is because


def test_a_gradient_that_outgrows_its_past_is_due_to_steps_that_were_large_before() -> None:
    over_time = {"value": 40.0, "bound": 35.0, "window": 9.0, "baseline": 1.0}
    spike = finding(S.EXPLODING_GRADIENTS, 2, evidence=over_time)
    over_depth = finding(S.EXPLODING_GRADIENTS, 2)
    assert causes(spike, finding(S.LR_TOO_HIGH, 0))[S.EXPLODING_GRADIENTS] is S.LR_TOO_HIGH
    assert causes(spike, finding(S.LR_TOO_HIGH, 2))[S.LR_TOO_HIGH] is S.EXPLODING_GRADIENTS
    assert causes(over_depth, finding(S.LR_TOO_HIGH, 0))[S.EXPLODING_GRADIENTS] is None


def test_a_rate_that_was_raised_explains_a_gradient_that_is_first_seen_with_its_steps() -> None:
    over_time = {"value": 40.0, "bound": 35.0, "window": 9.0, "baseline": 1.0}
    spike = finding(S.EXPLODING_GRADIENTS, 30, evidence=over_time)

    def rate(first_step: int, risen: float) -> Finding:
        return finding(S.LR_TOO_HIGH, first_step, evidence={"value": 0.2, "risen": risen})

    assert causes(spike, rate(30, 9.0))[S.EXPLODING_GRADIENTS] is S.LR_TOO_HIGH
    assert causes(spike, rate(30, 1.0))[S.LR_TOO_HIGH] is S.EXPLODING_GRADIENTS
    assert causes(spike, rate(31, 9.0))[S.LR_TOO_HIGH] is S.EXPLODING_GRADIENTS


def test_weights_driven_at_one_pace_are_no_work_of_steps_that_they_make_too_large() -> None:
    rate = finding(S.LR_TOO_HIGH, 126)
    driven = finding(S.WEIGHTS_GROWING, 128, evidence={"value": 7.0, "growth": 0.015})
    assert causes(rate, driven) == {S.LR_TOO_HIGH: S.WEIGHTS_GROWING, S.WEIGHTS_GROWING: None}
    # From 1 to 7 such a pace takes 130 steps.
    for began, because in ((270, S.WEIGHTS_GROWING), (290, None)):
        later = finding(S.WEIGHTS_GROWING, began, evidence={"value": 7.0, "growth": 0.015})
        assert causes(rate, later)[S.LR_TOO_HIGH] is because
    by_steps = causes(rate, finding(S.WEIGHTS_GROWING, 128))
    assert by_steps == {S.LR_TOO_HIGH: None, S.WEIGHTS_GROWING: S.LR_TOO_HIGH}


def test_norm_layers_that_do_not_normalize_explain_a_gradient_that_vanishes() -> None:
    vanishing = finding(S.VANISHING_GRADIENTS, 0)
    assert causes(vanishing, finding(S.EVAL_MODE, 0))[S.VANISHING_GRADIENTS] is S.EVAL_MODE


def test_a_plateau_explains_what_gradients_do_only_where_its_own_reason_is_read() -> None:
    barred = finding(S.PLATEAU, 0, evidence={"barred": 1.0})
    vanishing = finding(S.VANISHING_GRADIENTS, 0)
    found = causes(barred, vanishing, finding(S.DOUBLE_SOFTMAX, 0))
    assert found[S.PLATEAU] is S.DOUBLE_SOFTMAX
    found = causes(barred, vanishing)
    assert found == {S.PLATEAU: None, S.VANISHING_GRADIENTS: S.PLATEAU}
    found = causes(finding(S.PLATEAU, 0), vanishing)
    assert found == {S.PLATEAU: S.VANISHING_GRADIENTS, S.VANISHING_GRADIENTS: None}


def test_a_recurrence_over_the_samples_explains_what_is_seen_along_its_time_alone() -> None:
    recurrence = finding(S.DOUBLE_SOFTMAX, 0, evidence={"recurrent": 1.0})
    for due in (S.RNN_VANISHING_IN_TIME, S.RNN_EXPLODING_IN_TIME, S.PLATEAU, S.COLLAPSED_OUTPUTS):
        assert causes(recurrence, finding(due, 5))[due] is S.DOUBLE_SOFTMAX
    for other in (S.GRADIENT_ASCENT, S.LOSS_DIVERGING, S.GRADIENTS_NONFINITE):
        assert causes(recurrence, finding(other, 5))[other] is None
    softmax = finding(S.DOUBLE_SOFTMAX, 0)
    assert causes(softmax, finding(S.RNN_VANISHING_IN_TIME, 5))[S.RNN_VANISHING_IN_TIME] is None


def test_a_gradient_that_is_cut_down_does_not_vanish_but_its_inputs_may_make_it_large() -> None:
    cut = finding(S.LR_TOO_LOW, 0, evidence={"clipped": 0.01})
    found = causes(finding(S.RNN_VANISHING_IN_TIME, 0), cut, finding(S.PLATEAU, 0))
    assert found[S.LR_TOO_LOW] is None
    assert found[S.PLATEAU] is S.LR_TOO_LOW
    assert causes(finding(S.BAD_INPUTS, 0), cut)[S.LR_TOO_LOW] is S.BAD_INPUTS


@pytest.mark.parametrize("exploding", [S.EXPLODING_GRADIENTS, S.RNN_EXPLODING_IN_TIME])
def test_steps_are_too_small_for_an_exploding_gradient_only_where_it_is_clipped(
    exploding: S,
) -> None:
    cut = finding(S.LR_TOO_LOW, 0, evidence={"clipped": 0.01})
    assert causes(finding(exploding, 0), cut)[S.LR_TOO_LOW] is exploding
    assert causes(finding(exploding, 0), finding(S.LR_TOO_LOW, 0))[S.LR_TOO_LOW] is None


@pytest.mark.parametrize(("since", "cause"), [(0, None), (5, None), (31, S.WEIGHTS_GROWING)])
def test_weights_that_grow_explain_a_profile_that_was_not_there_when_they_were_drawn(
    since: int, cause: S | None
) -> None:
    found = causes(finding(S.WEIGHTS_GROWING, 100), finding(S.EXPLODING_GRADIENTS, since))
    assert found[S.EXPLODING_GRADIENTS] is cause
    assert found[S.WEIGHTS_GROWING] is (S.EXPLODING_GRADIENTS if cause is None else None)


def test_weights_that_grow_do_not_explain_a_single_gradient_that_outgrows_the_past() -> None:
    spike = finding(S.EXPLODING_GRADIENTS, 31, evidence={"baseline": 1.0})
    found = causes(finding(S.WEIGHTS_GROWING, 100), spike)
    assert found == {S.WEIGHTS_GROWING: S.EXPLODING_GRADIENTS, S.EXPLODING_GRADIENTS: None}


def test_data_that_comes_sorted_explains_the_rate_that_is_too_high_for_it() -> None:
    data = finding(S.BAD_TARGETS, 0, evidence={"classes": 10.0})
    found = causes(finding(S.LR_TOO_HIGH, 0), data, finding(S.DEAD_RELU, 30), finding(S.PLATEAU, 0))
    assert found.pop(S.BAD_TARGETS) is None
    assert set(found.values()) == {S.BAD_TARGETS}


def test_data_that_comes_sorted_explains_nothing_of_how_the_network_was_built() -> None:
    data = finding(S.BAD_TARGETS, 0, evidence={"classes": 10.0})
    for built in (
        finding(S.EXPLODING_GRADIENTS, 0),
        finding(S.VANISHING_GRADIENTS, 0),
        finding(S.PLATEAU, 0, evidence={"barred": 1.0}),
    ):
        assert causes(data, built)[built.symptom] is None
    grown = finding(S.EXPLODING_GRADIENTS, 40, evidence={"baseline": 1.0})
    assert causes(data, grown)[S.EXPLODING_GRADIENTS] is S.BAD_TARGETS


def test_targets_that_are_scaled_with_the_inputs_are_no_finding_of_their_own() -> None:
    targets = finding(S.BAD_TARGETS, 0)
    both = finding(S.BAD_INPUTS, 0, evidence={"targets": 3e5})
    assert causes(both, targets)[S.BAD_TARGETS] is S.BAD_INPUTS
    assert causes(finding(S.BAD_INPUTS, 0), targets)[S.BAD_TARGETS] is None
