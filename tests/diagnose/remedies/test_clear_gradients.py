"""Gradients are cleared where they would add up: after a step, or at each run of a closure."""

from __future__ import annotations

import pytest
import torch

from gradwidget import GradMonitor
from gradwidget.diagnose.finding import Symptom


@pytest.mark.parametrize("is_given_by_name", [True, False])
def test_a_closure_that_does_not_clear_them_is_given_a_line_that_does(
    *, is_given_by_name: bool
) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=5)
    x = torch.linspace(-1, 1, 30)[:, None]
    seen = []

    def closure() -> torch.Tensor:
        seen.append(all(one.grad is None for one in model.parameters()))
        loss: torch.Tensor = (model(x) - x.sin()).square().mean()
        loss.backward()
        return loss

    def step() -> None:
        if is_given_by_name:
            optimizer.step(closure=closure)
        else:
            optimizer.step(closure)

    with GradMonitor(model, budget=None) as monitor:
        for _ in range(8):
            step()
    finding = next(one for one in monitor.findings if one.symptom is Symptom.GRADIENTS_NOT_CLEARED)
    (remedy,) = finding.remedies
    assert remedy.title == "Clear the gradients in the closure"
    assert seen.count(True) == 1
    exec(remedy.code, {"optimizer": optimizer, "torch": torch})  # noqa: S102  # our own code
    seen.clear()
    step()
    assert len(seen) > 1
    assert all(seen)
