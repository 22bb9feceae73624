"""Which color a bar of the static picture has; its twin is js/src/derive/story/bar-colors.ts."""

from __future__ import annotations

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import JUDGED, LayerState
from gradwidget.diagnose.summary.state_look import LOOKS


def bar_color(state: LayerState, lead: Finding | None, metric: str) -> str:
    """A bar has the color of a finding about the metric shown, and of no other.

    Args:
        state: that of its layer.
        lead: the finding that gives the layer its state, if any.
        metric: what the bar shows.
    """
    is_about = lead is None or metric in JUDGED.get(lead.symptom, ())
    return LOOKS[state if is_about else LayerState.OK].color_light
