from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.finding import Finding, Remedy, Symptom
from gradwidget.diagnose.summary.verdict import NOT_CHECKED
from gradwidget.frame import Layer
from gradwidget.record.history import History
from gradwidget.record.losses import Losses
from gradwidget.report.text import report
from tests.support.frames import chain, frame, healthy, judge


def sick(names: tuple[str, ...], *, full: bool = False) -> str:
    layers = tuple(
        Layer(name, "Linear", {"weight": (16, 16)}, activation="sigmoid") for name in names
    )
    share = np.geomspace(1e-7, 1, len(names))
    figures = healthy(len(names), act_grad_rms=share, act_grad_norm=share, grad_rms=share)
    engine, history = judge(30, layers, figures)
    return report(history, engine.findings, full=full)


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


def test_gives_the_cause_with_the_code_of_its_first_remedy() -> None:
    text = sick(("a", "b", "c", "d"))
    assert text.startswith("Vanishing gradients in 2 of 4 layers")
    assert "torch.nn.ReLU()" in text
    assert "evidence:" not in text
    assert len(text.splitlines()) <= 50


def test_only_a_healthy_run_is_told_what_is_not_checked() -> None:
    _, history = judge(30, chain(4), healthy(4))
    assert report(history, []).endswith(NOT_CHECKED)
    _, history = judge(3, chain(4), healthy(4))
    assert report(history, []).startswith("Looking")
    assert NOT_CHECKED not in report(history, [])
    assert NOT_CHECKED not in sick(("a", "b", "c", "d"))


def test_a_full_report_gives_evidence_and_every_code() -> None:
    text = sick(("a", "b", "c", "d"), full=True)
    assert "evidence: value 1.0×10⁻⁷, bound 0.003" in text
    assert "layers: a, b" in text
    assert text.count("\n       import torch") > 1 or text.count("torch.nn") > 1


def test_a_warning_says_when_it_is_none() -> None:
    finding = Finding(
        Symptom.WEIGHTS_GROWING, "warning", "They grow.", (), 0, 0, 0, caveat="Fine if meant."
    )
    _, history = judge(3, chain(4), healthy(4))
    assert "  but: Fine if meant." in report(history, [finding])
    without = replace(finding, caveat="None: it is read from the graph.")
    assert "but: " not in report(history, [without])
    assert "  but: None: it is read from the graph." in report(history, [without], full=True)


def test_what_a_cause_explains_is_one_line_below_it_and_has_no_remedies() -> None:
    history = History()
    history.append(frame(0, chain(4), healthy(4)))
    clip = Remedy("Clip", "It grows.", "clip()")
    frozen = Symptom.EARLY_LAYERS_FROZEN
    cause = Finding(
        Symptom.VANISHING_GRADIENTS,
        "critical",
        "It fades.",
        ("fc0",),
        3,
        8,
        9,
        remedies=(clip, Remedy("Other", "", "other()")),
        consequences=(frozen,),
    )
    explained = replace(
        cause, symptom=frozen, message="Still.", because=cause.symptom, consequences=()
    )
    text = report(history, [cause, explained])
    assert "  seen because of this:\n    ■ Early layers frozen in 1 layer, since step 3\n" in text
    assert text.count("1. Clip. It grows.") == text.count("clip()") == text.count("2. Other") == 1
    assert "other()" not in text
    assert "Still." not in text
    full = report(history, [cause, explained], full=True)
    assert full.count("other()") == full.count("clip()") == 1
    assert "  Still.\n  layers: fc0\n  because of: Vanishing gradients" in full


def test_of_many_layers_those_that_something_is_wrong_with_are_listed() -> None:
    names = tuple(f"fc{i}" for i in range(60))
    history = History()
    history.append(frame(0, chain(60), healthy(60)))
    dead = Finding(Symptom.DEAD_RELU, "warning", "", names[40:], 0, 0, 0)
    rows = [line.split()[2] for line in report(history, [dead]).splitlines() if "Linear" in line]
    assert rows == [*names[:10], *names[40:]]
    assert "  and 30 more layers: 30 ok" in report(history, [dead])
    assert "more layers" not in report(history, [dead], full=True)


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


def test_a_loss_that_is_off_the_level_which_findings_are_about_has_that_beside_it() -> None:
    history = History()
    history.append(frame(0, chain(2), healthy(2, scalars={"loss": 2.4})))
    for losses, said in (
        ([2.7] * 38, "· loss 2.4 ·"),  # too few for a level
        ([2.7] * 40, "· loss 2.4 (median of 40 steps: 2.7) ·"),
        ([2.5] * 40, "· loss 2.4 ·"),
        ([9.0, *[2.7] * 40], "· loss 2.4 ·"),  # a run that goes well
    ):
        history.losses = Losses()
        history.losses.extend(range(len(losses) + 1), [*losses, 2.4])
        assert said in report(history, []).splitlines()[1]


def test_says_what_measuring_took_until_its_share_is_known() -> None:
    history = History()
    history.append(replace(frame(0, chain(2), healthy(2)), scalars={"spent": 0.26}))
    assert "measuring has taken 0.3 s" in report(history, [])
    shared = {"spent": 1.5, "overhead": 0.0125}
    history.append(replace(frame(1, chain(2), healthy(2)), scalars=shared))
    assert "measuring costs 1.2%" in report(history, [])
    assert "so far" not in report(history, [])


def test_says_the_seconds_too_where_the_share_of_quick_steps_is_large() -> None:
    history = History()
    shared = {"spent": 0.4, "overhead": 0.235}
    history.append(replace(frame(1, chain(2), healthy(2)), scalars=shared))
    assert "measuring costs 23.5%, 0.4 s so far" in report(history, [])


def test_the_step_above_the_layers_is_the_newest_sampled_or_not() -> None:
    _, history = judge(20, chain(2), healthy(2, scalars={"loss": 2.0}))
    history.losses.extend(range(20), [2.0] * 20)
    history.losses.extend([20, 21], [1.5, 1.25])
    above = report(history, []).splitlines()[1]
    assert above.startswith("step 21 · loss 1.2 · gradient norm 0.23 ·")
    assert "sampled" not in above
    history.losses.extend(range(22, 40), [0.5] * 18)
    assert (
        report(history, [])
        .splitlines()[1]
        .startswith("step 39 (last sampled step 19) · loss 0.5 (median of 40 steps: 1.8) ·")
    )


def test_a_long_line_above_the_layers_is_wrapped() -> None:
    scalars = {"loss": 2.0e-7, "total_grad_norm": 1.5e-7, "lr": 1.5e-7, "overhead": 0.01}
    _, history = judge(20, chain(2), healthy(2, scalars=scalars))
    history.losses.extend(range(20), [2.0] * 20)
    history.losses.extend([1_000_000_000], [1.5e-7])
    lines = report(history, []).splitlines()
    assert max(map(len, lines)) <= 100
    assert "measuring costs 1.0%" in " ".join(lines[1:3])
