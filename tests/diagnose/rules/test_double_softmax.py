"""Outputs and a loss that do not fit, as the graph and the targets show it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import ROOT, Wiring
from tests.support.frames import chain, healthy, judge, only

DEPTH = 4


@pytest.mark.parametrize(
    "path",
    [
        ("nll_loss", "log_softmax", "softmax"),
        ("mean", "nll_loss", "log_softmax", "sigmoid"),
        ("binary_cross_entropy_with_logits", "sigmoid"),
    ],
)
def test_a_softmax_right_below_the_loss_s_own_is_one_too_many(path: tuple[str, ...]) -> None:
    figures = healthy(DEPTH, wiring=squashed(path))
    assert only(judge(6, chain(DEPTH), figures)[0]).symptom is Symptom.DOUBLE_SOFTMAX


def squashed(path: tuple[str, ...]) -> Wiring:
    """An operation, the last of a path, that is right under the loss."""
    return Wiring(loss_path=path, obstacles={"squashed": (path[-1], "module", "1", "")})


@pytest.mark.parametrize(
    "path",
    [
        ("nll_loss", "log_softmax"),
        ("nll_loss", "log_softmax", "log_softmax"),
        ("nll_loss", "log_softmax", "addmm", "softmax"),
        ("mse_loss", "softmax"),
        ("add", "nll_loss", "mse_loss", "log_softmax", "relu"),  # each of a head of its own
        ("add", "binary_cross_entropy", "binary_cross_entropy_with_logits", "sigmoid"),
    ],
)
def test_silent_on_a_softmax_elsewhere(path: tuple[str, ...]) -> None:
    figures = healthy(DEPTH, wiring=Wiring(loss_path=path))
    assert judge(6, chain(DEPTH), figures)[0].findings == []


@pytest.mark.parametrize(
    ("path", "loss"),
    [
        (("nll_loss", "log_softmax", "relu"), "cross-entropy"),
        (("binary_cross_entropy_with_logits", "relu"), "BCEWithLogitsLoss"),
    ],
)
def test_logits_that_a_relu_has_cut_off_are_named(path: tuple[str, ...], loss: str) -> None:
    finding = only(judge(6, chain(DEPTH), healthy(DEPTH, wiring=squashed(path)))[0])
    assert finding.title == "Outputs do not fit the loss"
    assert f"goes through a ReLU, and {loss} expects logits" in finding.message
    assert finding.remedies[0].title == "Remove the ReLU after the last layer"
    pooled = (*path[:-1], "mean", "relu")  # maps of what is there, averaged, as SqueezeNet has them
    assert judge(6, chain(DEPTH), healthy(DEPTH, wiring=Wiring(loss_path=pooled)))[0].findings == []


@pytest.mark.parametrize(
    ("given", "loss", "words", "title"),
    [
        ("softmax", 1.5, "given the output of a softmax", "log_softmax in place of softmax"),
        ("sigmoid", -0.1, "below 0, which it never is", "log_softmax in place of sigmoid"),
        ("linear", -9.0, "is given logits", "Give the loss log_softmax of the outputs"),
    ],
)
def test_a_loss_of_log_probabilities_says_what_it_is_given_in_their_place(
    given: str, loss: float, words: str, title: str
) -> None:
    wiring = Wiring(obstacles={"no logarithm": ("nll_loss", given)})
    figures = healthy(DEPTH, wiring=wiring, scalars={"loss": loss})
    finding = only(judge(6, chain(DEPTH), figures)[0])
    assert finding.title == "Outputs do not fit the loss"
    assert "nll_loss expects logarithms of probabilities" in finding.message
    assert words in finding.message
    assert title in finding.remedies[0].title


def test_logarithms_over_the_samples_are_named_while_the_loss_falls() -> None:
    wiring = Wiring(obstacles={"no logarithm": ("nll_loss", "log_softmax"), "over samples": ()})
    finding = only(judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring))[0])
    assert "add up to 1 over the samples of the batch: take log_softmax with dim=1" in (
        finding.message
    )
    assert finding.remedies[0].title == "Take the softmax over the classes"


def attending(length: str, samples: float | None) -> dict[str, Any]:
    shape = f"[{length}, 23, 23]"
    wiring = Wiring(obstacles={"attends over samples": (length, shape)})
    known = {} if samples is None else {"input_samples": samples}
    return healthy(DEPTH, wiring=wiring, scalars={"loss": 1.0, **known})


def test_an_attention_over_the_samples_is_named_while_the_loss_falls() -> None:
    finding = only(judge(6, chain(DEPTH), attending("32", 32.0))[0])
    assert finding.title == "Attention over the samples"
    assert "[32, 23, 23]" in finding.message
    assert "the 32 samples of the batch" in finding.message
    assert "dim=-1" in finding.remedies[0].why


@pytest.mark.parametrize("samples", [None, 8.0])
def test_silent_where_that_dimension_is_not_known_to_be_the_samples(samples: float | None) -> None:
    assert judge(6, chain(DEPTH), attending("32", samples))[0].findings == []


@pytest.mark.parametrize(
    ("dimension", "flag", "layers", "words"),
    [
        ("0", True, ("rnn",), "rnn runs along dimension 0 of its input [64, 24, 3]"),
        ("1", False, ("rnn",), "rnn runs along dimension 1 of its input [64, 24, 3]"),
        ("0", True, ("rnn", "gru"), "rnn and gru run along dimension 0 of their input"),
        ("0", True, (ROOT,), "the model runs along dimension 0"),
    ],
)
def test_a_recurrence_over_the_samples_is_named_while_the_loss_falls(
    dimension: str, layers: tuple[str, ...], words: str, *, flag: bool
) -> None:
    wiring = Wiring(obstacles={"recurs over samples": ("64", "[64, 24, 3]", dimension, *layers)})
    finding = only(judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring))[0])
    assert (finding.title, finding.severity) == ("Recurrence over the samples", "warning")
    assert words in finding.message
    assert "the 64 samples of the batch" in finding.message
    assert finding.remedies[0].title == f"Set batch_first={flag}"


def test_a_loss_without_an_end_is_due_to_outputs_that_are_no_logarithms() -> None:
    def figures(step: int) -> dict[str, Any]:
        wiring = Wiring(loss_path=("nll_loss",), obstacles={"no logarithm": ("nll_loss", "linear")})
        grown = np.full(DEPTH, 1.0 + step)
        scalars = {"loss": -0.1 - step**2, "total_grad_norm": 2.0 * (1 + step)}
        return healthy(DEPTH, wiring=wiring, act_rms=grown, grad_norm=grown, scalars=scalars)

    first, *others = judge(80, chain(DEPTH), figures)[0].findings
    assert first.symptom is Symptom.DOUBLE_SOFTMAX
    assert Symptom.GRADIENT_ASCENT in {one.symptom for one in others}
    assert all(one.because is not None for one in others)


BOUNDS = {
    "sigmoid": ("0", "1"),
    "tanh": ("-1", "1"),
    "relu": ("0", "inf"),
    "softplus": ("0", "inf"),
    "clamp": ("-inf", "3"),
}


@pytest.mark.parametrize(
    ("loss", "function", "factor", "value", "words"),
    [
        ("mse_loss", "sigmoid", "1", 1.2, "gives 0 … 1, and their mean squared error is 1.2"),
        ("mse_loss", "sigmoid", "0.25", 0.3, "gives 0 … 1, and their mean squared error is 1.2"),
        ("mse_loss", "tanh", "1", 4.1, "gives −1 … 1, and their mean squared error is 4.1"),
        ("l1_loss", "tanh", "1", 2.1, "gives −1 … 1, and their mean error is 2.1"),
    ],
)
def test_targets_out_of_reach_are_told_by_an_error_that_is_too_large(
    loss: str, function: str, factor: str, value: float, words: str
) -> None:
    wiring = Wiring(
        loss_path=(loss, function),
        obstacles={"bounded": (loss, function, factor, *BOUNDS[function])},
    )
    figures = healthy(DEPTH, wiring=wiring, scalars={"loss": value})
    finding = only(judge(6, chain(DEPTH), figures)[0])
    assert finding.title == "Outputs do not fit the loss"
    assert words in finding.message
    assert finding.remedies[0].title == f"Remove the {function} from the outputs"


@pytest.mark.parametrize(
    ("loss", "function", "value"),
    [("mse_loss", "sigmoid", 1.005), ("mse_loss", "tanh", 3.9), ("l1_loss", "tanh", 1.9)],
)
def test_silent_on_outputs_with_bounds_that_may_reach_their_targets(
    loss: str, function: str, value: float
) -> None:
    wiring = Wiring(
        loss_path=(loss, function), obstacles={"bounded": (loss, function, "1", *BOUNDS[function])}
    )
    assert (
        judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring, scalars={"loss": value}))[0].findings
        == []
    )


@pytest.mark.parametrize(
    ("function", "low", "high", "loss", "is_said"),
    [
        ("relu", -1.4, 2.0, 1.0, True),
        ("softplus", -0.5, 2.0, 1.0, True),
        ("relu", -0.1, 2.0, 1.0, False),  # noise below amounts
        ("relu", 0.0, 2.0, 1.0, False),
        ("relu", -1.4, 2.0, 1e-3, False),  # next to nothing is left of the loss
        ("tanh", -1.4, 2.0, 1.0, False),  # has bounds on both sides, told by the error
        ("clamp", -9.0, 3.5, 1.0, False),
    ],
)
def test_targets_below_what_outputs_can_give_are_told_by_the_targets(
    function: str, low: float, high: float, loss: float, *, is_said: bool
) -> None:
    wiring = Wiring(
        loss_path=("mse_loss", function),
        obstacles={"bounded": ("mse_loss", function, "1", *BOUNDS[function])},
    )

    def figures(step: int) -> dict[str, Any]:
        scalars = {"loss": 1.0 if step < 6 else loss, "target_min": low, "target_max": high}
        return healthy(DEPTH, wiring=wiring, scalars=scalars)

    findings = [one for one in judge(60, chain(DEPTH), figures)[0].findings if one.active]
    assert [one.title for one in findings] == ["Outputs do not fit the loss"] * is_said
    for one in findings:
        assert "gives nothing below 0" in one.message
        assert one.remedies[0].title == f"Remove the {function} from the outputs"


def test_targets_above_what_outputs_are_clamped_at_are_told_as_well() -> None:
    bounded = ("mse_loss", "clamp", "1", *BOUNDS["clamp"])
    wiring = Wiring(loss_path=("mse_loss", "clamp"), obstacles={"bounded": bounded})
    scalars = {"loss": 1.0, "target_min": -2.0, "target_max": 8.0}
    finding = judge(60, chain(DEPTH), healthy(DEPTH, wiring=wiring, scalars=scalars))[0].findings[0]
    assert finding.title == "Outputs do not fit the loss"
    assert "gives nothing above 3, and targets reach up to 8" in finding.message
    assert finding.remedies[0].title == "Remove the clamp from the outputs"
    assert not finding.remedies[0].code


@pytest.mark.parametrize(
    ("particulars", "said", "advised"),
    [
        (
            ("[6, 1]", "[6, 6]", "[6]", "difference", "v"),
            "The outputs have the shape [6, 1] (the output of v) and the targets [6], so both are",
            "view_as(target)",
        ),
        # As run files of before have it.
        (("[6, 1]", "[6, 6]"), "both are broadcast to [6, 6]", "view_as(target)"),
        (
            ("[6]", "[6, 6]", "[6, 1]", "product", "v"),
            "has the shape [6] and its factor [6, 1], so both are broadcast to [6, 6]",
            "squeeze(-1)",
        ),
        (
            ("[6]", "[6, 6]", "[6, 6]", "advantages", "v"),
            "is multiplied by [6, 6], which is a sum or a difference of [6] and [6, 1]",
            "often the output of v, needs squeeze(-1), as in returns - value.squeeze(-1)",
        ),
    ],
)
def test_what_is_broadcast_to_all_pairs_is_named_while_the_loss_falls(
    particulars: tuple[str, ...], said: str, advised: str
) -> None:
    wiring = Wiring(obstacles={"unlike shapes": particulars, "every pair": ()})
    finding = only(judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring))[0])
    assert finding.symptom is Symptom.DOUBLE_SOFTMAX
    assert said in finding.message
    assert advised in finding.remedies[0].why


def seeing(operation: str, layer: str, count: str) -> Wiring:
    return Wiring(obstacles={"sees targets": (operation, layer, "24", count)})


@pytest.mark.parametrize(
    ("operation", "kind", "words", "advice"),
    [
        ("softmax", "Linear", "the attention behind fc1 (softmax over 24", "masked_fill("),
        (
            "scaled_dot_product_attention",
            "MultiheadAttention",
            "the attention of fc1 (scaled_dot_product_attention over 24",
            "generate_square_subsequent_mask(T",
        ),
        ("scaled_dot_product_attention", "Linear", "behind fc1", "give it is_causal=True"),
    ],
)
def test_an_attention_that_sees_the_next_token_is_named_while_the_loss_falls(
    operation: str, kind: str, words: str, advice: str
) -> None:
    layers = tuple(replace(one, kind=kind) for one in chain(DEPTH))
    figures = healthy(DEPTH, wiring=seeing(operation, "fc1", "2"))
    finding = only(judge(6, layers, figures)[0])
    assert finding.title == "Attention sees the tokens that it is to predict"
    assert words in finding.message
    assert "like all 2 over them" in finding.message
    assert finding.remedies[0].title == "Give the attention a causal mask"
    assert advice in finding.remedies[0].why


def test_one_that_is_alone_and_behind_no_known_layer_is_named_as_well() -> None:
    figures = healthy(DEPTH, wiring=seeing("softmax", "", "1"))
    message = only(judge(6, chain(DEPTH), figures)[0]).message
    assert "the attention (softmax over 24 positions) gives weight" in message


BINARY = Wiring(loss_path=("binary_cross_entropy_with_logits",))


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (-1.0, 1.0)])
def test_targets_that_are_no_probabilities_are_named_at_once(low: float, high: float) -> None:
    scalars = {"target_min": low, "target_max": high}
    finding = only(judge(9, chain(DEPTH), healthy(DEPTH, wiring=BINARY, scalars=scalars))[0])
    assert finding.title == "Targets do not fit the loss"
    assert "must lie between 0 and 1" in finding.message
    assert [one.title for one in finding.remedies] == ["Bring the targets to 0 … 1"]


@pytest.mark.parametrize(
    ("high", "wiring"),
    [
        (1.2, BINARY),  # smoothed labels
        (255.0, Wiring(loss_path=("mse_loss",))),
        (255.0, Wiring(loss_path=("add", "mse_loss", "binary_cross_entropy"))),
    ],
)
def test_silent_on_probabilities_and_on_targets_of_other_losses(
    high: float, wiring: Wiring
) -> None:
    scalars = {"target_min": 0.0, "target_max": high}
    figures = healthy(DEPTH, wiring=wiring, scalars=scalars)
    assert judge(60, chain(DEPTH), figures)[0].findings == []
