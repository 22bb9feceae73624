"""What a logger is told: the figures of each sampled step, and each finding twice."""

from __future__ import annotations

import gc
import math
from dataclasses import replace
from weakref import ref

import pytest
import torch
from torch import nn

from gradwidget import Finding, GradMonitor, GradWidget, Symptom
from gradwidget.record.history import History
from gradwidget.report.sending import Sending, in_words
from tests.support.fake_monitor import chain, frame

DEAD = Finding(Symptom.DEAD_RELU, "warning", "Units are dead.", ("a",), 3, 8, 9)
LOST = Finding(Symptom.LOSS_NONFINITE, "critical", "The loss is NaN.", (), 4, 4, 9)


class Kept:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.figures: list[tuple[int, dict[str, float]]] = []
        self.findings: list[tuple[int, str, bool]] = []

    def log_figures(self, figures: dict[str, float], step: int) -> None:
        self.figures.append((step, figures))

    def log_finding(self, finding: Finding, step: int) -> None:
        self.findings.append((step, finding.symptom.value, finding.active))


class Broken(Kept):
    """A client whose disk is full."""

    def log_figures(self, figures: dict[str, float], step: int) -> None:
        super().log_figures(figures, step)
        raise OSError(28, "No space left on device")


def train(model: nn.Module, steps: int, scale: float = 1.0) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(torch.randn(8, 4)).square().mean() * scale).backward()
        optimizer.step()


def told(sending: Sending, step: int, findings: list[Finding]) -> None:
    history = History()
    history.append(frame(step, chain(2)))
    sending.send(history, findings)


def test_a_finding_is_told_when_it_opens_and_when_it_is_over() -> None:
    kept = Kept()
    sending = Sending(kept, layers=False)
    over = replace(DEAD, active=False)
    told(sending, 8, [DEAD])
    told(sending, 9, [DEAD])
    told(sending, 20, [over])
    told(sending, 21, [over])
    told(sending, 30, [replace(DEAD, first_step=25), over])
    told(sending, 31, [replace(DEAD, first_step=25), over])
    assert kept.findings == [
        (8, "dead_relu", True),
        (20, "dead_relu", False),
        (30, "dead_relu", True),
    ]
    assert [step for step, _ in kept.figures] == [8, 9, 20, 21, 30, 31]


def test_a_mere_consequence_is_among_the_figures_alone() -> None:
    kept = Kept()
    due = replace(DEAD, because=Symptom.LOSS_NONFINITE)
    sending = Sending(kept, layers=False)
    told(sending, 8, [LOST, due])
    told(sending, 9, [LOST, replace(due, active=False)])
    assert kept.findings == [(8, "loss_nonfinite", True)]
    assert kept.figures[0][1]["gradwidget/findings/dead_relu"] == 1.0


def test_a_finding_in_words_has_what_it_is_and_since_when() -> None:
    assert in_words(DEAD) == "Dead ReLU units since step 3. Units are dead."
    assert in_words(replace(DEAD, active=False)) == "Dead ReLU units: over since step 9."


@pytest.mark.parametrize("kind", [GradMonitor, GradWidget])
def test_every_sampled_step_of_a_loop_is_told(kind: type[GradMonitor | GradWidget]) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    kept, of_layers = Kept(), Kept()
    watching = kind(model, budget=None)
    watching.send_to(kept)
    watching.send_to(of_layers, layers=True)
    train(model, 3)
    watching.close()
    norms = watching.history.scalars["total_grad_norm"]
    assert [step for step, _ in kept.figures] == [0, 1, 2]
    assert [one["gradwidget/total_grad_norm"] for _, one in kept.figures] == pytest.approx(norms)
    assert "gradwidget/grad_rms/0" not in kept.figures[0][1]
    assert of_layers.figures[0][1].keys() > kept.figures[0][1].keys()


def test_a_loss_that_is_lost_is_told() -> None:
    model, kept = nn.Linear(4, 1), Kept()
    with GradMonitor(model, budget=None) as monitor:
        monitor.send_to(kept)
        train(model, 3, scale=math.nan)
        assert kept.findings[0][2]
        assert kept.findings[0][1] == monitor.findings[0].symptom.value


def test_one_that_fails_leaves_the_training_and_the_others_alone() -> None:
    torch.manual_seed(0)
    model, broken, kept = nn.Linear(4, 1), Broken(), Kept()
    with GradMonitor(model, budget=None) as monitor:
        monitor.send_to(broken)
        monitor.send_to(kept)
        train(model, 6)
        problems = monitor.problems
        assert "sending to Broken kept failing (OSError" in " ".join(monitor.report().split())
    assert len(broken.figures) == 3
    assert len(kept.figures) == 6
    assert [problem.where for problem in problems] == ["sending to Broken"] * 2
    assert problems[0].message == "sending to Broken failed; training goes on"


def test_a_logger_does_not_keep_a_monitor_that_nobody_holds() -> None:
    model = nn.Linear(4, 1)
    monitor = GradMonitor(model)
    kept = Kept()
    monitor.send_to(kept)
    session = ref(monitor._session)
    del monitor
    gc.collect()
    assert session() is None
    train(model, 2)
    assert kept.figures == []
