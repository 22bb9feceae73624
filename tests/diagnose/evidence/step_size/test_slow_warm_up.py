"""A warm-up by epochs that was meant for steps is told from torch's own schedules as meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from gradwidget.diagnose.evidence.step_size.slow_warm_up import slow_warm_up
from gradwidget.diagnose.evidence.window import Window
from tests.support.frames import chain, healthy, judge

EPOCHS, BATCHES = 8, 40
Schedule = Callable[[Optimizer], LRScheduler]


def rising(count: int) -> Schedule:
    return lambda optimizer: LambdaLR(optimizer, lambda step: min(1.0, step / count))


def one_cycle(count: int) -> Schedule:
    return lambda optimizer: OneCycleLR(optimizer, max_lr=0.1, total_steps=count)


def window(
    schedule: Schedule, *, by_epochs: bool, epochs: int = EPOCHS, every: int = BATCHES
) -> Window:
    """What is seen of a run of so many epochs, of which every other step is sampled."""
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = schedule(optimizer)
    rates: list[dict[str, float]] = []
    for number in range(1, epochs * BATCHES + 1):
        group = optimizer.param_groups[0]
        peak = group.get("max_lr", group["initial_lr"])
        rates.append({"lr": float(group["lr"]), "lr_peak": peak})
        optimizer.step()
        if not by_epochs or number % every == 0:
            scheduler.step()

    def figures(step: int) -> dict[str, Any]:
        return healthy(2, scalars=rates[step])

    return Window(judge(range(0, len(rates), 2), chain(2), figures)[1])


@pytest.mark.parametrize("schedule", [rising(500), rising(100), one_cycle(EPOCHS * BATCHES)])
def test_a_schedule_of_steps_that_is_asked_once_an_epoch(schedule: Schedule) -> None:
    found = slow_warm_up(window(schedule, by_epochs=True))
    assert found is not None
    assert found.steps == BATCHES
    assert found.peak == pytest.approx(0.1)
    assert found.share < 0.1


@pytest.mark.parametrize(
    ("schedule", "by_epochs", "epochs"),
    [
        (rising(500), False, 2),  # as it is meant, and still at its beginning
        (one_cycle(EPOCHS * BATCHES), False, 1),
        (rising(5), True, 2),
        (rising(40), True, EPOCHS),  # a slow one, for a run of hundreds of epochs
        (one_cycle(EPOCHS), True, EPOCHS),
        (rising(500), True, 1),  # before the first change nothing is known
        (lambda optimizer: LambdaLR(optimizer, lambda _: 0.1), True, EPOCHS),
        (lambda optimizer: LambdaLR(optimizer, lambda epoch: 0.5**epoch), True, EPOCHS),
    ],
)
def test_silent_on_a_schedule_that_is_asked_as_it_is_meant(
    schedule: Schedule, epochs: int, *, by_epochs: bool
) -> None:
    assert slow_warm_up(window(schedule, by_epochs=by_epochs, epochs=epochs)) is None


def test_silent_on_a_schedule_that_is_asked_every_few_steps() -> None:
    assert slow_warm_up(window(rising(500), by_epochs=True, every=10)) is None


def test_silent_where_no_schedule_has_left_its_peak() -> None:
    assert slow_warm_up(Window(judge(50, chain(2), healthy(2, scalars={"lr": 0.1}))[1])) is None
