"""A graph deeper than the stack is left alone: torch frees what Python has seen recursively.

It would take the process with it, so each of these tests has one of its own.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOP = """
import torch
from gradwidget import GradMonitor

class Deep(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

    def forward(self, x):
        x = self.first(x).relu()
        for _ in range(60_000):
            x = x * FACTOR
        return self.last(x)

model = Deep()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
monitor = GradMonitor(model, budget=None)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.ones(3, 2)).square().mean().backward()
    optimizer.step()
assert not monitor.problems, monitor.problems
assert monitor.history.version, "nothing was measured"
print("trained to the end")
"""


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["1.0", "float('inf')"], ids=["healthy", "not finite"])
def test_training_goes_on(factor: str) -> None:
    loop = LOOP.replace("FACTOR", factor)
    done = subprocess.run([sys.executable, "-c", loop], capture_output=True, text=True, check=False)
    assert "trained to the end" in done.stdout, done.stderr[-2000:]
