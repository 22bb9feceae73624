"""Which layers have NaN or Inf, and where it arose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.rules.shared.nonfinite_words import layers_with, origin_of
from tests.support.frames import chain, healthy, judge, origin


def window_of(**changes: Any) -> Window:
    return Window(judge(1, chain(4), healthy(4, **changes))[1])


@pytest.mark.parametrize(
    ("phase", "layers"),
    [
        ("forward", ("fc2", "fc0", "fc1", "fc3")),
        ("backward", ("fc2", "fc3", "fc1", "fc0")),
        ("weights", ("fc2", "fc1")),
    ],
)
def test_layers_come_in_the_order_in_which_it_spread(phase: str, layers: tuple[str, ...]) -> None:
    window = window_of(
        grad_nonfinite=np.ones(4),
        weight_nonfinite=np.array([0, 1, 1, 0]),
        origin=origin(phase, "fc2"),
    )
    assert layers_with(window, "grad_nonfinite") == layers


def test_without_an_origin_they_come_from_the_input_on() -> None:
    window = window_of(grad_nonfinite=np.array([0, 1, 0, 1]))
    assert layers_with(window, "grad_nonfinite") == ("fc1", "fc3")
    assert origin_of(window) == ("unknown", "")


def test_the_origin_ends_a_sentence() -> None:
    assert origin_of(window_of(origin=origin("loss"))) == ("loss", "; it arose in the loss")
    assert origin_of(window_of(origin=origin("loss", None, "log"))) == (
        "loss",
        "; it arose in the loss, in log",
    )
    assert origin_of(window_of(origin=origin("forward", "fc2", "softmax"))) == (
        "forward",
        "; it arose in the forward pass, in softmax on the way to fc2",
    )
    assert origin_of(window_of(origin=origin("weights", "fc1"))) == (
        "weights",
        "; it was already in the weights, first in fc1",
    )
