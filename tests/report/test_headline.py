"""The first line says what is wrong with the run, and how far that is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradwidget import GradMonitor
from gradwidget.capture.capture import Capture
from gradwidget.capture.collect.frame_builder import FrameBuilder
from gradwidget.diagnose.summary.layer_state import LayerState
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.problem import Problem
from gradwidget.record.history import History
from gradwidget.report.headline import headline
from tests.support.fake_monitor import chain, frame

TRACE = (
    'Traceback (most recent call last):\n  File "x.py", line 1, in f\nValueError: boom\nand more\n'
)


def history_until(step: int) -> History:
    """As many frames as most rules need, the last of that step."""
    history = History()
    for number in range(step - DEFAULT.window + 1, step + 1):
        history.append(frame(number, chain(1)))
    return history


def train(model: nn.Module, steps: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        x = torch.randn(8, 2)
        (model(x) - x.sum(1, keepdim=True)).pow(2).mean().backward()
        optimizer.step()


def test_without_problems_it_is_the_verdict() -> None:
    assert headline(history_until(13), [], [LayerState.OK], []) == "Healthy"


def test_too_few_frames_are_not_healthy_yet() -> None:
    history = History()
    history.append(frame(0, chain(1)))
    assert headline(history, [], [LayerState.OK], []) == "Looking … 1 of 9 steps"
    assert headline(history, [], [LayerState.OK], [], window=1) == "Healthy"


def test_a_single_failure_stands_behind_the_verdict() -> None:
    problem = Problem("reading the gradients", "it failed", TRACE, 2)
    assert headline(history_until(13), [], [LayerState.OK], [problem]) == (
        "Healthy · problem: reading the gradients failed (ValueError: boom); training goes on"
    )


def test_what_is_not_a_failure_is_told_in_its_own_words() -> None:
    problem = Problem("logging", "x is recorded as infinite: it is too large.", "", 2)
    assert headline(history_until(13), [], [LayerState.OK], [problem, problem]) == (
        "Healthy · problem: x is recorded as infinite: it is too large; training goes on"
    )


@pytest.mark.parametrize(
    ("off_at", "line"),
    [
        (
            14,
            (
                "Measuring is switched off: making a frame kept failing (ValueError: boom). "
                "Training goes on. Until then: Healthy."
            ),
        ),
        (
            13,
            (
                "A part of the measuring is switched off: making a frame kept failing "
                "(ValueError: boom). Training goes on. The rest: Healthy."
            ),
        ),
    ],
    ids=["no frame since", "frames since"],
)
def test_what_is_switched_off_comes_first(off_at: int, line: str) -> None:
    problems = [
        Problem("making a frame", "", TRACE, 1),
        Problem("making a frame", "", TRACE, off_at, is_off=True),
    ]
    assert headline(history_until(13), [], [LayerState.OK], problems) == line


@pytest.mark.parametrize(
    ("owner", "name", "place", "what"),
    [
        (
            Capture,
            "_read_before",
            "reading before the optimizer's step",
            "A part of the measuring is switched off",
        ),
        (FrameBuilder, "frame", "making a frame", "Measuring is switched off"),
    ],
)
def test_a_report_begins_with_what_no_longer_works(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, place: str, what: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        message = "boom"
        raise ValueError(message)

    model = nn.Linear(2, 1)
    with GradMonitor(model, budget=None) as monitor:
        train(model, DEFAULT.window)
        assert monitor.report().startswith("Healthy")
        monkeypatch.setattr(owner, name, fail)
        train(model, 1)
        once = " ".join(monitor.report().split("\n\n")[0].split())
        assert once.startswith(f"Healthy · problem: {place} failed (ValueError: boom); training")
        train(model, 4)
    report = monitor.report()
    assert report.startswith(f"{what}: {place} kept failing")
    assert "(ValueError: boom). Training goes on." in " ".join(report.split())


def test_a_run_that_was_never_measured_does_not_claim_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FrameBuilder, "frame", lambda _: 1 / 0)
    model = nn.Linear(2, 1)
    with GradMonitor(model, budget=None) as monitor:
        train(model, 4)
    assert " ".join(monitor.report().split()) == (
        "Measuring is switched off: making a frame kept failing "
        "(ZeroDivisionError: division by zero). Training goes on."
    )
