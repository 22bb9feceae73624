"""Headline, card, row word and the color of a bar agree, whatever was found."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.summary.layer_state import JUDGED, STATE_OF, LayerState, layer_states
from gradwidget.diagnose.summary.state_look import GENERAL, LOOKS
from gradwidget.diagnose.summary.verdict import verdict
from gradwidget.frame import Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.record.history import History
from gradwidget.report.finding_line import finding_line
from gradwidget.view.notebook.static_html import static_html
from gradwidget.view.notebook.static_picture import shown_metric, static_picture
from gradwidget.view.protocol.to_messages import finding_info

LAYERS = tuple(Layer(f"fc{i}", "Linear", {"weight": (2, 2)}) for i in range(3))
NAMED = ("fc0", "fc1")


def history(*metrics: str) -> History:
    """A frame with the gradient's size and other metrics, of which none is above 0 by itself."""
    run = History()
    values = {name: np.zeros(3, np.float32) for name in metrics}
    values |= dict.fromkeys(("grad_rms", "grad_norm"), np.full(3, 0.1, np.float32))
    run.append(Frame(0, LAYERS, values))
    return run


def judged(symptom: Symptom) -> list[str]:
    """Metrics that the bars can show and that a finding of this symptom is about."""
    return [name for name in JUDGED.get(symptom, ()) if METRICS[name].scale in {"log", "share"}]


def test_every_word_of_a_row_comes_with_bars_that_show_it_but_those_along_time() -> None:
    assert {symptom for symptom in STATE_OF if not judged(symptom)} == {
        Symptom.RNN_EXPLODING_IN_TIME,
        Symptom.RNN_VANISHING_IN_TIME,
    }


@pytest.mark.parametrize("symptom", list(Symptom))
@pytest.mark.parametrize("is_measured", [True, False], ids=["shown", "not measured"])
def test_all_parts_say_the_same(symptom: Symptom, *, is_measured: bool) -> None:
    run = history(*judged(symptom)) if is_measured else history()
    found = [Finding(symptom, "critical", "It is so.", NAMED, 0, 0, 0)]
    states = layer_states(run, found)
    info = finding_info(found[0])
    said = verdict(found, states, 1, 9)
    colors = re.findall(r'style="color:(#[0-9a-f]{6})', static_html("Net", run, found))
    fills = re.findall(r'height="12" fill="(#[0-9a-f]{6})', static_picture(run, found, states))
    assert fills == colors, "picture and table"
    calm = LOOKS[LayerState.OK].color_light
    assert info["title"] in finding_line(found[0])
    if symptom not in STATE_OF:
        # It is of the whole run: no row has its word, no bar its color.
        assert set(states) == {LayerState.OK}
        assert info["state"] == GENERAL
        assert said == info["title"]
        assert set(colors) == {calm}
        return
    assert states == (STATE_OF[symptom], STATE_OF[symptom], LayerState.OK)
    assert info["state"] == states[0]
    assert "2 of 3" in said or states[0] is LayerState.NONFINITE
    assert ("in 2 layers" in finding_line(found[0])) == (symptom is not Symptom.LOSS_NONFINITE)
    look = LOOKS[states[0]]
    about = set(judged(symptom))
    is_shown = bool(about if is_measured else about & {"grad_rms", "grad_norm"})
    assert (shown_metric(run, found) in info["metrics"]) == is_shown
    assert colors == [look.color_light if is_shown else calm] * 2 + [calm]


@pytest.mark.parametrize("symptom", list(STATE_OF))
def test_a_row_has_the_word_of_its_cause_before_that_of_a_consequence(symptom: Symptom) -> None:
    cause = Finding(symptom, "warning", "", NAMED, 0, 0, 0)
    for other in STATE_OF:
        explained = Finding(other, "critical", "", ("fc1", "fc2"), 0, 0, 0, because=symptom)
        states = layer_states(history(), [cause, explained])
        assert states == (STATE_OF[symptom], STATE_OF[symptom], STATE_OF[other])
        assert verdict([cause, explained], states, 1, 9) == verdict([cause], states, 1, 9)
