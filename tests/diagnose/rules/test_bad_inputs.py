"""Inputs that no layer can work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import Layer, Wiring
from tests.support.frames import chain, found, healthy, judge, only, origin

DEPTH = 4
BYTES = {"input_rms": 140.0, "input_mean": 120.0, "input_std": 70.0, "input_nonfinite": 0.0}


def test_the_scale_alone_is_no_finding() -> None:
    assert judge(200, chain(DEPTH), healthy(DEPTH, scalars=BYTES))[0].findings == []


def test_with_what_follows_from_it_it_is_the_cause() -> None:
    dead = np.array([1.0, 1.0, 0.0, 0.0])
    engine = judge(60, chain(DEPTH), healthy(DEPTH, scalars=BYTES, act_dead_fraction=dead))[0]
    first, second = engine.findings
    assert first.symptom is Symptom.BAD_INPUTS
    assert first.title == "Inputs out of scale"
    assert first.consequences == (Symptom.DEAD_RELU,)
    assert (second.symptom, second.because) == (Symptom.DEAD_RELU, Symptom.BAD_INPUTS)
    assert "120" in first.message
    assert second.remedies == first.remedies
    assert "(x.float() - 120) / 70" in first.remedies[0].code


def test_where_nothing_is_learned_it_is_a_finding() -> None:
    still = healthy(DEPTH, scalars={**BYTES, "loss": 2.0})
    assert Symptom.BAD_INPUTS in found(judge(150, chain(DEPTH), still)[0])


def test_silent_where_a_norm_layer_comes_first() -> None:
    layers = (Layer("norm", "BatchNorm1d", {"weight": (16,)}), *chain(DEPTH)[1:])
    still = healthy(DEPTH, scalars={**BYTES, "loss": 2.0})
    assert Symptom.BAD_INPUTS not in found(judge(150, layers, still)[0])


def test_inputs_that_are_all_the_same_say_nothing() -> None:
    same = {"input_rms": 1.0, "input_mean": 1.0, "input_std": 0.0, "input_nonfinite": 0.0}
    finding = only(judge(30, chain(DEPTH), healthy(DEPTH, scalars=same))[0])
    assert finding.symptom is Symptom.BAD_INPUTS
    assert finding.title == "Inputs are all the same"
    assert finding.remedies[0].code == ""


def test_a_nan_in_a_batch_is_said_at_once_and_explains_that_of_the_loss() -> None:
    def figures(step: int) -> dict[str, Any]:
        if step != 20:
            return healthy(DEPTH, scalars={"input_nonfinite": 0.0})
        nan = {"loss": np.nan, "input_nonfinite": 3.0}
        return healthy(DEPTH, scalars=nan, origin=origin("input", "fc0"))

    first, second = judge(24, chain(DEPTH), figures)[0].findings
    assert (first.symptom, first.reported_step) == (Symptom.BAD_INPUTS, 20)
    assert first.title == "NaN or Inf in the inputs"
    assert (second.symptom, second.because) == (Symptom.LOSS_NONFINITE, Symptom.BAD_INPUTS)
    assert "3 entries" in first.message


def test_an_infinity_that_came_with_the_input_is_the_cause_even_if_it_was_not_counted() -> None:
    def figures(step: int) -> dict[str, Any]:
        if step != 20:
            return healthy(DEPTH)
        return healthy(DEPTH, scalars={"loss": np.nan}, origin=origin("input", "fc0"))

    first, second = judge(24, chain(DEPTH), figures)[0].findings
    assert (first.symptom, first.origin) == (Symptom.BAD_INPUTS, "input")
    assert (second.symptom, second.because) == (Symptom.LOSS_NONFINITE, Symptom.BAD_INPUTS)


def test_samples_that_are_all_the_same_are_named_where_nothing_is_learned() -> None:
    same = {"input_rms": 1.0, "input_mean": 0.0, "input_std": 1.0, "input_variety": 0.0}
    finding = only(judge(60, chain(DEPTH), healthy(DEPTH, scalars={**same, "loss": 2.0}))[0])
    assert finding.symptom is Symptom.BAD_INPUTS
    assert "All samples of every batch are the same" in finding.message
    assert finding.remedies[0].title == "Look at a batch"
    for scalars in ({**same, "input_variety": 1e-3, "loss": 2.0}, same):
        assert judge(80, chain(DEPTH), healthy(DEPTH, scalars=scalars))[0].findings == []


def test_tokens_that_are_all_the_same_are_named_although_the_loss_of_classes_falls() -> None:
    def said(loss_path: tuple[str, ...], variety: float) -> set[Symptom]:
        def figures(step: int) -> dict[str, Any]:
            scalars = {"loss": 1.5 + 2 * 0.8**step, "input_variety": variety}
            return healthy(DEPTH, scalars=scalars, wiring=Wiring(loss_path=loss_path))

        return found(judge(120, chain(DEPTH), figures)[0])

    assert said(("nll_loss", "log_softmax"), 0.0) == {Symptom.BAD_INPUTS}
    assert said(("nll_loss", "log_softmax"), 0.3) == set()
    assert said(("mse_loss",), 0.0) == set()


def test_an_extreme_scale_that_goes_on_to_the_outputs_is_a_finding_however_the_loss_falls() -> None:
    scale = {"input_rms": 3e5, "input_mean": 8e4, "input_std": 2.8e5, "input_nonfinite": 0.0}
    large = healthy(DEPTH, scalars=scale, act_rms=np.full(DEPTH, 1e4))
    assert found(judge(40, chain(DEPTH), large)[0]) == {Symptom.BAD_INPUTS}
    assert judge(40, chain(DEPTH), healthy(DEPTH, scalars=scale))[0].findings == []


def test_numbers_past_all_range_are_a_scale_also_where_nothing_else_is_seen_beside_them() -> None:
    scale = {"input_rms": 1e37, "input_mean": -3e36, "input_std": 9e36, "input_variety": 0.0}
    figures = healthy(DEPTH, scalars={**scale, "loss": 2.0}, act_rms=np.full(DEPTH, 1e36))
    finding = judge(80, chain(DEPTH), figures)[0].findings[0]
    assert finding.title == "Inputs out of scale"
    assert finding.remedies[0].title == "Scale the inputs"


def test_inputs_near_one_number_are_named_where_nothing_is_learned() -> None:
    def standardized(deviation: float, loss: float) -> Any:
        scalars = {"input_rms": 2.12, "input_mean": -2.12, "input_std": deviation, "loss": loss}
        return judge(120, chain(DEPTH), healthy(DEPTH, scalars=scalars))[0].findings

    finding = standardized(0.002, 2.0)[0]
    assert finding.title == "Inputs out of scale"
    assert "a mean that is 1,100× as large" in finding.message
    assert finding.remedies[0].title == "Scale the inputs"
    assert standardized(0.5, 2.0) == []


def started_at(loss: float) -> Any:
    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, scalars={**BYTES, "loss": max(loss / 10**step, 1.5)})

    return figures


def test_a_loss_that_starts_as_far_out_of_scale_as_the_inputs_is_due_to_them() -> None:
    finding = only(judge(60, chain(DEPTH), started_at(1e16))[0])
    assert finding.symptom is Symptom.BAD_INPUTS
    assert judge(60, chain(DEPTH), started_at(40.0))[0].findings == []


def test_data_that_is_changed_in_place_is_told_from_data_that_was_loaded_so() -> None:
    def figures(step: int) -> dict[str, Any]:
        size = 1.0 * 30.0 ** (step // 40)
        data = {"input_rms": size, "input_mean": 0.0, "input_std": size, "input_nonfinite": 0.0}
        return healthy(DEPTH, scalars={**data, "loss": 2.0}, act_rms=np.full(DEPTH, size))

    finding, flat = judge(130, chain(DEPTH), figures)[0].findings
    assert (finding.symptom, finding.first_step) == (Symptom.BAD_INPUTS, 40)
    assert flat.because is Symptom.BAD_INPUTS
    assert "had a size of 1 at the start" in finding.message
    assert [one.title for one in finding.remedies] == ["Do not change the data in place"]


def of_two_networks(size: float, made: float = 0.2) -> Callable[[int], dict[str, Any]]:
    """A generator that is given noise, in turns with a judge that is given data of that size.

    Args:
        size: of the data.
        made: size of what the generator gives.
    """
    judge_layers = np.arange(DEPTH) >= DEPTH // 2

    def of_step(step: int) -> dict[str, Any]:
        turn, own = (~judge_layers, 1.0) if step % 2 else (judge_layers, size)
        output = np.where(judge_layers, own / 4, made)
        return healthy(
            DEPTH,
            scalars={"input_rms": own, "input_mean": own / 2, "input_std": own * 0.8, "loss": 0.7},
            act_rms=output,
            measured={"grad_norm": turn},
            grad_norm=np.where(turn, 0.16, np.nan),
            wiring=Wiring(optimizers=("Adam", "Adam")),
        )

    return of_step


def test_of_networks_in_turns_each_has_its_own_inputs() -> None:
    finding = only(judge(30, chain(DEPTH), of_two_networks(850.0))[0])
    assert finding.symptom is Symptom.BAD_INPUTS
    assert "a mean of 420" in finding.message
    assert "at the start" not in finding.message


def test_silent_on_networks_in_turns_whose_inputs_are_of_usual_size() -> None:
    assert judge(30, chain(DEPTH), of_two_networks(2.0))[0].findings == []


def test_of_networks_in_turns_the_data_is_to_be_scaled_for_both() -> None:
    remedy = only(judge(30, chain(DEPTH), of_two_networks(850.0))[0]).remedies[0]
    assert (remedy.title, remedy.code) == ("Scale the inputs", "")
    assert "where it is loaded" in remedy.why


def test_silent_on_a_judge_that_is_given_what_a_generator_makes_large() -> None:
    engine = judge(30, chain(DEPTH), of_two_networks(850.0, made=700.0))[0]
    assert Symptom.BAD_INPUTS not in found(engine)


PRICES = {"target_mean": 300_000.0, "target_std": 150_000.0}


def of_a_table(loss_path: tuple[str, ...], **scalars: float) -> Any:
    """What is found of raw columns with which nothing is learned."""
    figures = healthy(
        DEPTH, scalars={**BYTES, "loss": 2.0, **scalars}, wiring=Wiring(loss_path=loss_path)
    )
    return judge(150, chain(DEPTH), figures)[0].findings[0]


def test_targets_that_are_out_of_scale_as_well_are_said_and_scaled_with_them() -> None:
    finding = of_a_table(("mse_loss",), **PRICES)
    assert finding.symptom is Symptom.BAD_INPUTS
    assert finding.title == "Inputs and targets out of scale"
    assert "a mean of 300,000 and a standard deviation of 150,000: scale both" in finding.message
    assert finding.evidence["targets"] == np.hypot(300_000.0, 150_000.0)
    assert [one.title for one in finding.remedies] == [
        "Scale the inputs, and the targets",
        "Scale each feature by itself, and the targets",
    ]


def test_of_other_targets_nothing_is_said() -> None:
    usual = {"target_mean": 0.0, "target_std": 1.0}
    for loss_path, scalars in (
        (("mse_loss",), usual),
        (("mse_loss",), {"target_mean": 60.0, "target_std": 20.0}),  # amounts
        (("mse_loss",), {}),
        (("nll_loss", "log_softmax"), {}),
        (("binary_cross_entropy_with_logits",), {"target_min": 0.0, "target_max": 1.0}),
        (("add", "mse_loss", "nll_loss"), {}),  # of several terms they are not known
        (("mse_loss", "relu"), PRICES),  # what scales the outputs would give none below the mean
        (("mse_loss", "mul"), PRICES),  # outputs that are given their units
    ):
        finding = of_a_table(loss_path, **scalars)
        assert finding.symptom is Symptom.BAD_INPUTS
        assert finding.title == "Inputs out of scale"
        assert "targets" not in finding.message
        assert "targets" not in finding.evidence


def test_targets_that_no_loss_keeps_are_told_by_errors_far_larger_than_the_outputs() -> None:
    def said(residual: float, outputs: float) -> str:
        slope = 2 * residual / 64
        figures = healthy(
            DEPTH,
            scalars={**BYTES, "loss": residual**2},
            wiring=Wiring(loss_path=("mean", "pow", "sub")),
            act_rms=np.full(DEPTH, outputs),
            act_grad_rms=np.full(DEPTH, slope),
            act_grad_norm=np.full(DEPTH, slope * 8),
        )
        return judge(150, chain(DEPTH), figures)[0].findings[0].message

    assert "out of scale as well, with a size of about 5,000: scale both" in said(5000.0, 1000.0)
    assert "targets" not in said(5000.0, 4500.0)  # the outputs may be all of the errors
    assert "targets" not in said(80.0, 2.0)
