"""How long a process works by itself: all that it does between two waits, and nothing of ours."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

from gradwidget.capture.guard import Guard
from gradwidget.capture.steps import time_alone as module
from gradwidget.capture.steps.time_alone import TimeAlone

Watch = Callable[..., Any]


def test_what_gradwidget_takes_and_pauses_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10.0
    monkeypatch.setattr(module, "perf_counter", lambda: now)
    guard = Guard()
    one = TimeAlone(guard)
    now, guard.spent = 15.0, 1.5
    one.was_paused(2.0)
    assert one.seconds() == 1.5
    one.begins()
    assert one.seconds() == 0.0


def test_what_is_done_between_a_backward_pass_and_its_step_counts(watch: Watch) -> None:
    model = nn.Linear(4, 1)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    told = []
    for _ in range(3):
        model(torch.ones(2, 4)).sum().backward()
        told.append(capture.cycle.builder.apart)
        sleep(0.05)
        optimizer.step()
    assert min(told[1:]) >= 0.05
