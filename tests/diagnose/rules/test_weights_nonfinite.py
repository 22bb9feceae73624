"""Weights that are lost."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.weights_nonfinite import weights_nonfinite
from tests.support.frames import chain, healthy, judge, only, origin


def marks(*layers: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    counts = np.zeros(4)
    counts[list(layers)] = 3
    return counts


def after(step_of_fault: int, **changes: Any) -> Any:
    return lambda step: healthy(4, **(changes if step >= step_of_fault else {}))


def test_weights_that_are_lost() -> None:
    finding = only(judge(8, chain(4), after(5, weight_nonfinite=marks(1)))[0])
    assert finding.symptom is Symptom.WEIGHTS_NONFINITE
    assert finding.layers == ("fc1",)


def test_the_layers_whose_weights_are_lost_are_named_and_no_others() -> None:
    lost = healthy(4, weight_nonfinite=marks(1, 3), grad_nonfinite=marks(0, 1, 2, 3))
    _, history = judge(3, chain(4), {**lost, "origin": origin("weights", "fc1")})
    detection = weights_nonfinite(Window(history), None)
    assert detection is not None
    assert detection.layers == ("fc1", "fc3")
    assert detection.origin == "weights"
