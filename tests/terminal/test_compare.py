"""Where two runs differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gradwidget import open_run
from gradwidget.frame import Frame
from gradwidget.terminal.compare import compare, differ
from tests.support.frames import chain, frame, healthy
from tests.support.recording.recorded import Recorded

RANDOM = np.random.default_rng(0)


def run_of(depth: int = 4, *, until: int = 60, scale: float = 1.0, since: int = 0) -> list[Frame]:
    layers = chain(depth)
    return [
        frame(
            step,
            layers,
            healthy(
                depth,
                grad_rms=np.full(depth, 0.01) * (scale if step >= since else 1.0),
                scalars={"loss": 2.0 * 0.98**step * (scale if step >= since else 1.0)},
            ),
        )
        for step in range(until)
    ]


def text_of(tmp_path: Path, before: list[Frame], after: list[Frame], *, full: bool = False) -> str:
    for name, frames in (("a.gw", before), ("b.gw", after)):
        Recorded(tmp_path / name).take(frames).close()
    return compare(open_run(tmp_path / "a.gw"), open_run(tmp_path / "b.gw"), full=full)


def test_equal_runs_are_equal(tmp_path: Path) -> None:
    said = text_of(tmp_path, run_of(), run_of())
    assert "loss equal at every step" in said
    assert "none in either run" in said


def test_it_says_since_when_and_in_which_layers_they_differ(tmp_path: Path) -> None:
    said = text_of(tmp_path, run_of(), run_of(5, scale=10.0, since=30))
    assert "loss differs from step 30" in said
    assert "from 30" in said
    assert "fc0       0.01        0.1  × 10" in said
    assert "only after: fc4" in said


def test_findings_that_went_and_came_are_told(tmp_path: Path) -> None:
    sizes = 10.0 ** np.arange(-12, 0, 2)
    names = ("act_grad_rms", "act_grad_norm", "grad_rms", "grad_norm")
    values = healthy(6, **dict.fromkeys(names, sizes), scalars={"loss": 2.0})
    sick = [frame(step, chain(6), values) for step in range(40)]
    said = text_of(tmp_path, sick, run_of(6))
    assert "gone: ▼ Vanishing gradients" in said
    (tmp_path / "other").mkdir()
    assert "new:  ▼ Vanishing gradients" in text_of(tmp_path / "other", run_of(6), sick)


def test_of_many_layers_those_that_differ_most_are_listed(tmp_path: Path) -> None:
    after = run_of(100)
    after[-1].metrics["grad_rms"][70] *= 5.0
    lines = text_of(tmp_path, run_of(100), after).splitlines()
    table = lines.index("Gradient RMS")
    assert lines[table + 2].startswith("fc70 ")
    assert "and 70 more that differ less" in lines
    assert max(map(len, lines)) <= 100


def test_noise_is_no_difference_and_a_step_away_from_it_is_one() -> None:
    one = 1.0 + 0.01 * RANDOM.standard_normal(300)
    other = 1.0 + 0.01 * RANDOM.standard_normal(300)
    assert differ(one, other) == (0, None)
    other[200:] += 0.2
    assert differ(one, other) == (0, 200)


def test_a_single_odd_batch_is_no_difference_beyond_noise() -> None:
    one = 1.0 + 0.01 * RANDOM.standard_normal(100)
    other = one.copy()
    other[50] = 9.0
    assert differ(one, other) == (50, None)


def test_a_nan_of_one_run_alone_is_a_difference() -> None:
    one = np.ones(20)
    other = one.copy()
    other[10:] = np.nan
    assert differ(one, other) == (10, 10)
    assert differ(other, other) == (None, None)
