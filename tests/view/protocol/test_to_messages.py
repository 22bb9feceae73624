"""A close look at a layer as message data."""

from __future__ import annotations

import json
import math

import numpy as np

from gradwidget.frame import Entry, Frame, Histogram, Inspection, RecurrentProfile
from gradwidget.view.protocol.to_messages import inspection_info, reason_infos

SPREAD = Histogram(
    3, "log", np.array([-1.0, 0.0, 1.0]), np.array([2, 5]), 8, 8, 1, 1, 0, -0.5, 0.25, "after tanh"
)
UNREAD = Histogram(
    3, "linear", np.array([-1.0, 1.0]), np.array([0]), 2, 2, 0, 1, 1, math.nan, math.nan
)


def profile(
    step: int, *norms: float, layer: str = "body", depth: int = 0, reverse: bool = False
) -> Frame:
    profiles = (RecurrentProfile(layer, "dL/dh", np.array(norms, np.float32), depth, reverse),)
    return Frame(step, (), {}, recurrent=profiles)


def test_every_figure_travels_and_what_json_cannot_carry_is_told_apart() -> None:
    worst = tuple(
        Entry("weight", (0, place), value)
        for place, value in enumerate((math.nan, math.inf, -math.inf, 2.0))
    )
    info = inspection_info(Inspection("body", SPREAD, UNREAD, "Not seen.", worst, 2), [])
    assert json.loads(json.dumps(info, allow_nan=False)) == info
    assert info["gradient"] == {
        "step": 3,
        "axis": "log",
        "edges": [-1.0, 0.0, 1.0],
        "counts": [2, 5],
        "counted": 8,
        "total": 8,
        "zeros": 1,
        "nans": 1,
        "infinities": 0,
        "low": -0.5,
        "high": 0.25,
        "note": "after tanh",
    }
    assert not isinstance(info["weight"], str)
    assert (info["weight"]["low"], info["weight"]["high"]) == (None, None)
    assert (info["activation"], info["calls"]) == ("Not seen.", 2)
    assert [entry["value"] for entry in info["worst"]] == ["NaN", "Infinity", "-Infinity", 2.0]
    assert info["worst"][1]["index"] == [0, 1]
    assert (info["profiles"], info["profile_step"]) == ([], None)


def test_the_newest_gradient_over_time_of_the_layer_comes_along() -> None:
    frames = [
        profile(1, 9.0),
        profile(2, 1.0, math.inf),
        profile(3, 5.0, layer="other"),
        Frame(4, (), {}),
    ]
    info = inspection_info(Inspection("body", "", "", ""), frames)
    assert info["profile_step"] == 2
    assert info["profiles"] == [{"title": "dL/dh", "norms": [1.0, None]}]


def test_stacked_layers_and_directions_are_named() -> None:
    profiles = tuple(
        RecurrentProfile("body", "dL/dh", np.array([1], np.float32), depth, reverse)
        for depth in (0, 1)
        for reverse in (False, True)
    )
    info = inspection_info(Inspection("body", "", "", ""), [Frame(1, (), {}, recurrent=profiles)])
    assert [one["title"] for one in info["profiles"]] == [
        "dL/dh, layer 0, from the start",
        "dL/dh, layer 0, from the end",
        "dL/dh, layer 1, from the start",
        "dL/dh, layer 1, from the end",
    ]


def test_a_reason_outlives_a_step_without_outputs_and_ends_with_one_that_was_seen() -> None:
    unseen = Frame(1, (), {}, reasons={"body": "Not seen."})
    without_outputs = Frame(2, (), {"grad_rms": np.ones(1, np.float32)})
    in_full = Frame(3, (), {"act_rms": np.ones(1, np.float32)})
    assert reason_infos([unseen, without_outputs]) == [{"layer": "body", "text": "Not seen."}]
    assert reason_infos([unseen, without_outputs, in_full]) == []
    assert reason_infos([]) == []
