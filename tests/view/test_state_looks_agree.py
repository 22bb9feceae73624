"""Terminal, static HTML and page show a state and a finding by the same mark and word."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.summary.layer_state import STATE_OF, LayerState
from gradwidget.diagnose.summary.state_look import GENERAL, GENERAL_LOOK, LOOKS
from gradwidget.frame import Frame, Layer
from gradwidget.record.history import History
from gradwidget.report.finding_mark import RESOLVED
from gradwidget.report.text import report
from gradwidget.view.notebook.static_html import static_html
from gradwidget.view.protocol.to_messages import finding_info

SYMPTOM_OF = {state: symptom for symptom, state in STATE_OF.items()}


def run_in(state: LayerState) -> tuple[History, list[Finding]]:
    """A run of one layer that is in this state."""
    layer = Layer("fc", "Linear", {"weight": (2, 2)}, trainable=state != LayerState.NOT_TRAINABLE)
    value = np.array([np.nan if state == LayerState.NOT_MEASURED else 0.1], np.float32)
    metrics = {"grad_rms": value, "grad_norm": value}
    if state == LayerState.NO_GRADIENT:
        metrics["grad_is_none"] = np.ones(1, np.float32)
    history = History()
    history.append(Frame(0, (layer,), metrics))
    symptom = SYMPTOM_OF.get(state)
    is_said = symptom is not None and state != LayerState.NO_GRADIENT
    return history, [finding(symptom)] if symptom is not None and is_said else []


def finding(symptom: Symptom, *, active: bool = True) -> Finding:
    return Finding(symptom, "critical", "It is so.", ("fc",), 0, 0, 0, active=active)


def marks_of_the_page(root: Path) -> dict[str, tuple[str, str]]:
    """Mark and word of each state, as the page has them."""
    table = (root / "js/src/protocol/states.gen.ts").read_text(encoding="utf-8")
    found = re.findall(r'"(.+)": \{ mark: "(.)", word: "(.+?)"', table)
    return {state: (mark, word) for state, mark, word in found}


@pytest.mark.parametrize("state", list(LayerState))
def test_a_state_has_one_mark_and_one_word(state: LayerState, root: Path) -> None:
    history, findings = run_in(state)
    row = next(line for line in report(history, findings).splitlines() if "Linear 2×2" in line)
    cells = re.findall(r"<td>(.*?)</td>", static_html("Net", history, findings))
    mark, word = marks_of_the_page(root)[state]
    assert (mark, word) == (LOOKS[state].mark, LOOKS[state].word)
    assert row.startswith(f"{mark} {word} ")
    assert cells[2] == f"{mark} {word}"


@pytest.mark.parametrize("symptom", list(Symptom))
@pytest.mark.parametrize("active", [True, False])
def test_a_finding_has_one_mark(symptom: Symptom, root: Path, *, active: bool) -> None:
    history, _ = run_in(LayerState.OK)
    one = finding(symptom, active=active)
    card = (root / "js/src/panels/finding/finding-card.ts").read_text(encoding="utf-8")
    shown = marks_of_the_page(root)[finding_info(one)["state"]][0]
    assert f'active ? look.mark : "{RESOLVED}"' in card
    expected = shown if active else RESOLVED
    word = "CRITICAL" if active else "RESOLVED"
    assert f"\n{expected} [{word}] {one.title}" in report(history, [one])
    assert f"<li>{expected} <b>" in static_html("Net", history, [one])


def test_a_finding_about_no_state_has_its_own_mark(root: Path) -> None:
    assert marks_of_the_page(root)[GENERAL] == (GENERAL_LOOK.mark, GENERAL_LOOK.word)
