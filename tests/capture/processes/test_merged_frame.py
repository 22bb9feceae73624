from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gradwidget.capture.model.output_place import Place
from gradwidget.capture.processes.merged_frame import merged_frame, message_of
from gradwidget.capture.processes.merged_outputs import FIGURES, OutputParts
from gradwidget.capture.processes.rank_message import RankMessage
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


PLACES = {"a": Place(2, 2, counts=False, start=4, own=3, units=7), "b": None}
OUTPUTS = OutputParts(7, np.array([[8.0, 8.0], [1.0, math.nan]]), {"b": (3, "a0")}, PLACES)


def message(one: Frame, seconds: float = 0.1, outputs: OutputParts | None = None) -> RankMessage:
    outputs = outputs or OutputParts()
    return RankMessage.read(message_of(one, seconds, np.empty((0, 0)), outputs).written())


def test_a_message_comes_out_as_it_went_in() -> None:
    sent = message_of(
        frame(math.nan, origin=NonfiniteOrigin("loss")), None, np.arange(6.0)[None], OUTPUTS
    )
    came = RankMessage.read(sent.written())
    assert math.isnan(came.loss or 0)
    assert (came.phase, came.nonfinite, came.weights) == ("loss", {"b": 4.0}, sent.weights)
    assert came.parts.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert (came.outputs.layers, came.outputs.alive) == (7, {"b": (3, "a0")})
    assert came.outputs.places == PLACES
    np.testing.assert_array_equal(came.outputs.figures, OUTPUTS.figures)


def test_the_loss_is_the_mean_and_the_first_nan_is_that_of_any() -> None:
    own, other = frame(1.0), frame(3.0, origin=NonfiniteOrigin("input", "a"))
    merged = merged_frame(own, 0, {0: message(own), 1: message(other)})
    assert merged.scalars["loss"] == 2.0
    assert merged.origin == NonfiniteOrigin("input", "a")
    assert merged.metrics["act_nonfinite"].tolist() == [0, 4]
    assert own.metrics["act_nonfinite"].tolist() == [0, 0]
    assert [one.phase for one in merged.ranks] == ["", "input"]


def test_a_process_with_other_weights_is_apart_and_adds_nothing() -> None:
    own, other = frame(1.0), frame(3.0, weights=(2, 1))
    merged = merged_frame(own, 0, {0: message(own), 1: message(other)})
    assert merged.scalars["loss"] == 1.0
    assert [one.apart for one in merged.ranks] == [False, True]


def test_a_process_that_divides_a_layer_has_a_part_of_it_also_with_other_weights() -> None:
    def part(start: int) -> OutputParts:
        figures = np.array([[4.0, 4.0], [1.0 + start, 2.0]])
        figures = np.concatenate([figures, np.full((len(FIGURES) - 1, 2), np.nan)])
        place = Place(0, 2, counts=True, start=start, own=2, units=4)
        return OutputParts(7, figures, {}, {"a": place})

    own = replace(frame(), metrics={**frame().metrics, "act_rms": np.array([1, 2], np.float32)})
    apart = message(frame(weights=(1, 3)), outputs=part(2))
    merged = merged_frame(own, 0, {0: message(own, outputs=part(0)), 1: apart})
    assert [one.apart for one in merged.ranks] == [False, True]
    np.testing.assert_allclose(merged.metrics["act_rms"], [math.sqrt(5), 2], rtol=1e-6)
