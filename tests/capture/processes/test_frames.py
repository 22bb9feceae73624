from __future__ import annotations

import math

import numpy as np

from gradwidget.capture.processes.frames import letter_of, of_all
from gradwidget.capture.processes.letter import Letter
from gradwidget.frame import Frame, Layer, NonfiniteOrigin

LAYERS = (Layer("a", "Linear", {"weight": (2, 2)}), Layer("b", "Linear", {"weight": (2, 2)}))


def frame(
    loss: float = 1.0, weights: tuple[float, float] = (1, 2), origin: NonfiniteOrigin | None = None
) -> Frame:
    return Frame(
        3,
        LAYERS,
        {
            "weight_norm": np.array(weights, np.float32),
            "act_nonfinite": np.array([0, 0 if origin is None else 4], np.float32),
        },
        scalars={"loss": loss},
        origin=origin,
    )


def letter(one: Frame, seconds: float = 0.1) -> Letter:
    return Letter.read(letter_of(one, seconds, np.empty((0, 0))).written())


def test_a_letter_comes_out_as_it_went_in() -> None:
    sent = letter_of(frame(math.nan, origin=NonfiniteOrigin("loss")), None, np.arange(6.0)[None])
    came = Letter.read(sent.written())
    assert math.isnan(came.loss or 0)
    assert (came.phase, came.nonfinite, came.weights) == ("loss", {"b": 4.0}, sent.weights)
    assert came.parts.tolist() == [[0, 1, 2, 3, 4, 5]]


def test_the_loss_is_the_mean_and_the_first_nan_is_that_of_any() -> None:
    own, other = frame(1.0), frame(3.0, origin=NonfiniteOrigin("input", "a"))
    whole = of_all(own, 0, {0: letter(own), 1: letter(other)})
    assert whole.scalars["loss"] == 2.0
    assert whole.origin == NonfiniteOrigin("input", "a")
    assert whole.metrics["act_nonfinite"].tolist() == [0, 4]
    assert own.metrics["act_nonfinite"].tolist() == [0, 0]
    assert [one.phase for one in whole.ranks] == ["", "input"]


def test_a_process_with_other_weights_is_apart_and_adds_nothing() -> None:
    own, other = frame(1.0), frame(3.0, weights=(2, 1))
    whole = of_all(own, 0, {0: letter(own), 1: letter(other)})
    assert whole.scalars["loss"] == 1.0
    assert [one.apart for one in whole.ranks] == [False, True]
