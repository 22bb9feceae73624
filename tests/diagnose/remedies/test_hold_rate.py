"""A rate that a schedule used up is held where it began."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from gradwidget.diagnose.remedies.hold_rate import hold_rate

torch.set_num_threads(1)


@pytest.mark.parametrize(
    "schedule",
    [
        lambda one: lr_scheduler.ExponentialLR(one, 0.5),
        lambda one: lr_scheduler.LambdaLR(one, lambda step: step // 1000),
        lambda one: lr_scheduler.CosineAnnealingLR(one, 5),
    ],
)
def test_every_step_takes_the_rate_that_was_asked_for_until_it_is_undone(
    schedule: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler],
) -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.25)
    scheduler = schedule(optimizer)
    scope = {"model": nn.Module(), "optimizer": optimizer, "torch": torch}
    exec(hold_rate().code, scope)  # noqa: S102 - that is what it is for

    def moved() -> float:
        before = float(parameter.detach())
        parameter.grad = torch.ones(1)
        optimizer.step()
        scheduler.step()
        return before - float(parameter.detach())

    assert [moved() for _ in range(5)] == [0.25] * 5
    scope["handle"].remove()  # type: ignore[attr-defined]  # what the code leaves
    assert moved() < 0.25
