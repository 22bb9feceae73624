"""A statistic of each layer against one bound."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection
from gradwidget.diagnose.rules.shared.level import Level, beyond
from tests.support.frames import chain, healthy, judge

NORMS = np.array([1.0, 8.0, np.nan, 4.0])


def detected(*, above: bool, bound: float, among: list[bool]) -> Detection | None:
    _, history = judge(12, chain(4), healthy(4, matrix_norm=NORMS))
    window = Window(history)
    level = Level("matrix_norm", NORMS, 2.0, bound, above=above)
    return beyond(window, level, np.array(among), lambda names, value: f"{names}: {value}", "")


def test_layers_past_the_bound_are_listed_worst_first() -> None:
    above = detected(above=True, bound=1.5, among=[True] * 4)
    assert above is not None
    assert (above.layers, above.message) == (("fc1", "fc3"), "fc1 and fc3: 4.0")
    below = detected(above=False, bound=3.0, among=[True] * 4)
    assert below is not None
    assert (below.layers, below.message) == (("fc0", "fc3"), "fc0 and fc3: 0.5")


def test_other_layers_and_unknown_values_are_left_out() -> None:
    only = detected(above=True, bound=1.5, among=[True, False, True, True])
    assert only is not None
    assert only.layers == ("fc3",)
    assert detected(above=True, bound=4.0, among=[True] * 4) is None
