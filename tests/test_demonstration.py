"""The demonstration, in a terminal and in a notebook."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch

import gradwidget
from gradwidget import GradWidget


@pytest.mark.slow
def test_in_a_terminal_it_prints_what_is_wrong_and_what_its_cure_comes_to() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gradwidget"], capture_output=True, text=True, check=True
    )
    sick, cured = done.stdout.split("after the first remedy: Use ReLU instead of sigmoid.")
    assert "[CRITICAL] Vanishing gradients" in sick
    assert "\nHealthy\n" in cured
    losses = re.search(r"The loss after 300 steps: (\S+) before, (\S+) now\.", cured)
    assert losses is not None
    before, now = map(float, losses.groups())
    assert before > 1.0
    assert now < 0.01


@pytest.mark.slow
def test_in_a_notebook_it_shows_both_runs_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[object] = []
    monkeypatch.setattr("gradwidget.demonstration._in_notebook", lambda: True)
    monkeypatch.setattr("gradwidget.demonstration.PAUSE", 0.0)
    monkeypatch.setattr("IPython.display.display", shown.append)
    state = torch.get_rng_state()
    gradwidget.demo()
    assert torch.equal(torch.get_rng_state(), state)
    assert len(shown) == 2
    for widget, verdict in zip(shown, ("Vanishing", "Healthy"), strict=True):
        assert isinstance(widget, GradWidget)
        assert widget.report().startswith(verdict)
    assert "[CRITICAL]" not in capsys.readouterr().out  # the picture says it
