"""Actions as plain data: what is read, what is refused, and that diagnosis writes what capture can
read."""

from __future__ import annotations

import pytest

from gradwidget.action import (
    Clip,
    RaiseForgetBias,
    Reinitialize,
    ScaleLr,
    SkipNonfinite,
    UseRelu,
    parse_action,
)
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.reinitialize import reinitialize
from gradwidget.diagnose.remedies.skip_nonfinite import skip_nonfinite
from gradwidget.frame import Layer


@pytest.mark.parametrize(
    ("data", "action"),
    [
        ({"kind": "clip", "max_norm": 1.5}, Clip(1.5)),
        ({"kind": "scale_lr", "factor": 0.1}, ScaleLr(0.1)),
        ({"kind": "scale_lr", "factor": 2, "group": 1}, ScaleLr(2.0, 1)),
        ({"kind": "reinitialize", "layers": {"head": "xavier"}}, Reinitialize({"head": "xavier"})),
        ({"kind": "skip_nonfinite"}, SkipNonfinite()),
        ({"kind": "raise_forget_bias", "layers": ["rnn"]}, RaiseForgetBias(("rnn",))),
        (
            {
                "kind": "use_relu",
                "instead_of": "Tanh",
                "before": "4",
                "layers": {"0": "kaiming", "2": "kaiming"},
            },
            UseRelu("Tanh", "4", {"0": "kaiming", "2": "kaiming"}),
        ),
    ],
)
def test_plain_data_is_read_as_the_action_it_stands_for(
    data: dict[str, object], action: object
) -> None:
    assert parse_action(data) == action


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "unknown action None"),
        ({"kind": "delete_everything"}, "unknown action"),
        ({"kind": "clip"}, "max_norm must be a number above 0, not None"),
        ({"kind": "clip", "max_norm": float("nan")}, "max_norm"),
        ({"kind": "clip", "max_norm": True}, "max_norm"),
        ({"kind": "clip", "max_norm": "1"}, "max_norm"),
        ({"kind": "scale_lr", "factor": 0}, "factor"),
        ({"kind": "use_relu", "instead_of": "Linear", "before": "4"}, "must be Sigmoid or Tanh"),
        ({"kind": "use_relu", "instead_of": "Tanh", "before": 4}, "before a layer"),
        ({"kind": "scale_lr", "factor": 0.1, "group": -1}, "group"),
        ({"kind": "scale_lr", "factor": 0.1, "group": "all"}, "group"),
        ({"kind": "raise_forget_bias", "layers": []}, "at least one layer"),
        ({"kind": "raise_forget_bias", "layers": "rnn"}, "at least one layer"),
        ({"kind": "reinitialize", "layers": {}}, "at least one layer"),
        ({"kind": "reinitialize", "layers": ["head"]}, "at least one layer"),
        (
            {"kind": "reinitialize", "layers": {"head": "zeros"}},
            "unknown scheme 'zeros' for layer 'head'",
        ),
    ],
)
def test_data_that_makes_no_sense_is_refused_with_the_reason(
    data: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_action(data)


def test_many_layers_are_counted_rather_than_listed() -> None:
    layers = dict.fromkeys(["a", "b", "c", "d", "e"], "kaiming")
    text = parse_action({"kind": "reinitialize", "layers": layers}).text
    assert text.startswith("fresh weights for a, b, c and 2 more")


def test_what_diagnosis_proposes_can_be_read() -> None:
    layers = [
        Layer("body", "Linear", {"weight": (4, 4)}, activation="relu"),
        Layer("squash", "Linear", {"weight": (4, 4)}, activation="tanh"),
        Layer("memory", "LSTM", {"weight_hh_l0": (16, 4)}),
    ]
    fresh = reinitialize(layers, "because")
    for remedy in (fresh, skip_nonfinite()):
        assert isinstance(remedy, Remedy)
        assert remedy.action is not None
        assert parse_action(remedy.action).text
