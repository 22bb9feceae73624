"""What may change the loop without keeping it alive, and what is looked at afterwards."""

from __future__ import annotations

import torch
from torch import nn

from gradwidget.action import ScaleLr
from gradwidget.capture.sampling.allowances import SERIES
from gradwidget.control.commands import Apply, Undo
from gradwidget.session import Session

torch.set_num_threads(1)


def test_after_a_change_and_after_its_undo_enough_steps_are_sampled_to_judge_it() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    session = Session(model, optimizer, budget=1e-9)
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))

    def train(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()

    def sampled() -> list[int]:
        return [int(step) for step in session.history.steps]

    train(60)
    quiet = sampled()
    assert not {58, 59} <= set(quiet), "the budget is spent"
    for command in (Apply(ScaleLr(0.5)), Undo()):
        answer = session.control.gate.submit(command)
        began = 60 if isinstance(command, Apply) else 100
        train(40)
        assert answer.result(0).ok
        judged = [step for step in sampled() if began <= step < began + SERIES + 3]
        assert len(judged) >= SERIES
    session.close()
