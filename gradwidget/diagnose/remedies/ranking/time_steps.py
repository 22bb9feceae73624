"""The fixes for gradients that vanish or explode along time, ranked."""

from __future__ import annotations

from collections.abc import Iterator

from gradwidget.diagnose.evidence.onset import Onset
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy
from gradwidget.diagnose.remedies.clip import clip
from gradwidget.diagnose.remedies.forget_bias import forget_bias
from gradwidget.diagnose.remedies.gated_cell import gated_cell
from gradwidget.diagnose.remedies.keep_state import keep_state
from gradwidget.diagnose.remedies.orthogonal import orthogonal

WHOLE_SEQUENCES = ("RNN", "LSTM", "GRU")


def for_time_vanishing(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """What keeps the layer comes first; where nothing at all comes through, it may be cut.

    Between the time steps of a cell, that is: a layer that takes a whole sequence has its own loop,
    in which nobody can cut anything, and its gates are shut.
    """
    named = Onset(detection, window).named
    nothing = detection.evidence["value"] == 0
    steps_in_forward = all(layer.kind not in WHOLE_SEQUENCES for layer in named)
    if nothing and steps_in_forward:
        yield keep_state(detection.layers)
    yield forget_bias(named)
    yield orthogonal(named, grows=False)
    if nothing and not steps_in_forward:
        yield keep_state(detection.layers)
    yield gated_cell(named)


def for_time_exploding(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """Weights that neither grow nor shrink, then another cell, then a bound."""
    named = Onset(detection, window).named
    yield orthogonal(named, grows=True)
    yield gated_cell(named)
    yield clip(window, detection.first_step)
