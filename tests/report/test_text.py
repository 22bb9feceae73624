from __future__ import annotations

import numpy as np

from gradwidget.frame import Layer
from gradwidget.record.history import History
from gradwidget.report.text import report
from tests.support.frames import chain, frame, healthy, judge


def sick(names: tuple[str, ...]) -> str:
    layers = tuple(
        Layer(name, "Linear", {"weight": (16, 16)}, activation="sigmoid") for name in names
    )
    share = np.geomspace(1e-7, 1, len(names))
    figures = healthy(len(names), act_grad_rms=share, act_grad_norm=share, grad_rms=share)
    engine, history = judge(30, layers, figures)
    return report(history, engine.findings)


def test_before_the_first_step_it_says_so() -> None:
    assert report(History(), []) == "Waiting for the first step"


def test_has_a_row_a_layer_with_mark_word_value_and_bar() -> None:
    text = sick(("a", "b", "c", "d"))
    rows = [line for line in text.splitlines() if "Linear 16×16" in line]
    assert [row.split()[0] for row in rows] == ["▼", "▼", "●", "●"]
    assert [row.split()[1] for row in rows] == ["vanishing", "vanishing", "ok", "ok"]
    bars = [row.count("█") for row in rows]
    assert bars == sorted(bars)
    assert bars[0] >= 1


def test_gives_findings_with_evidence_and_code() -> None:
    text = sick(("a", "b", "c", "d"))
    assert text.startswith("Vanishing gradients in 2 of 4 layers")
    assert "evidence: value 1.0×10⁻⁷, bound 0.003" in text
    assert "torch.nn.ReLU()" in text


def test_stays_within_100_columns_whatever_the_names() -> None:
    text = sick(("encoder." * 20 + "a", "b" * 300, "c", "d"))
    prose = [line for line in text.splitlines() if not line.startswith("       ")]
    assert max(len(line) for line in prose) <= 100


def test_names_cannot_steer_the_terminal() -> None:
    text = sick(("\x1b[31mred\x07", "b\nc", "c", "d"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert not any(line.startswith("c") for line in text.splitlines())


def test_a_layer_that_was_not_measured_has_no_bar_and_says_so() -> None:
    history = History()
    mask = np.array([True, False])
    figures = {"grad_rms": np.array([0.1, np.nan]), "grad_norm": np.array([0.1, np.nan])}
    history.append(
        frame(0, chain(2), {**figures, "measured": {"grad_rms": mask, "grad_norm": mask}})
    )
    assert "· not measured  fc1" in report(history, [])
    assert "● ok            fc0" in report(history, [])
