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


def time_vanishing(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """What keeps the layer comes first; where nothing at all comes through, it is cut."""
    named = Onset(detection, window).named
    if detection.evidence["value"] == 0:
        yield keep_state(detection.layers)
    yield forget_bias(named)
    yield orthogonal(named, grows=False)
    yield gated_cell(named)


def time_exploding(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """Weights that neither grow nor shrink, then another cell, then a bound."""
    named = Onset(detection, window).named
    yield orthogonal(named, grows=True)
    yield gated_cell(named)
    yield clip(window, detection.first_step)
