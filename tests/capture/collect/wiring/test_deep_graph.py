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
        for _ in range(DEPTH):
            x = x * FACTOR
        return self.last(x)

def train(watched=True):
    model = Deep()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = GradMonitor(model, budget=None) if watched else None
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(3, 2)).square().mean().backward()
        optimizer.step()
    if monitor is not None:
        assert not monitor.problems, monitor.problems
        assert monitor.history.version, "nothing was measured"
    print("trained to the end", flush=True)

"""
REAL_LAYERS = """
class Deep(torch.nn.Sequential):
    def __init__(self):
        super().__init__(*(torch.nn.Linear(2, 2) for _ in range(DEPTH)))

"""
ONE_CALLED_AGAIN = """
class Deep(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.again = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

    def forward(self, x):
        x = self.first(x)
        for _ in range(DEPTH):
            x = self.again(x)
        return x

"""
IN_A_SMALL_STACK = """
import threading

threading.stack_size(256 * 1024)
thread = threading.Thread(target=train, args=(WATCHED,))
thread.start()
threading.stack_size(0)  # of those that start from now on
thread.join()
"""


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["1.0", "float('inf')"], ids=["healthy", "not finite"])
def test_training_goes_on(factor: str) -> None:
    assert_trains(LOOP + "train()", factor, 60_000)


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["1.0", "float('inf')"], ids=["healthy", "not finite"])
@pytest.mark.parametrize("watched", [True, False], ids=["watched", "alone"])
@pytest.mark.parametrize("depth", [1_000, 8_000])
def test_training_goes_on_in_a_thread_with_a_small_stack(
    factor: str, *, watched: bool, depth: int
) -> None:
    assert_trains((LOOP + IN_A_SMALL_STACK).replace("WATCHED", str(watched)), factor, depth)


@pytest.mark.slow
@pytest.mark.parametrize("watched", [True, False], ids=["watched", "alone"])
@pytest.mark.parametrize("model", [REAL_LAYERS, ONE_CALLED_AGAIN], ids=["many", "one again"])
def test_so_does_that_of_many_layers(model: str, *, watched: bool) -> None:
    code = LOOP + model + IN_A_SMALL_STACK
    assert_trains(code.replace("WATCHED", str(watched)), "1.0", 2_000)


@pytest.mark.slow
def test_a_layer_that_runs_very_often_overflows_no_large_stack() -> None:
    assert_trains(LOOP + ONE_CALLED_AGAIN + "train()", "1.0", 60_000)


def assert_trains(code: str, factor: str, depth: int) -> None:
    code = code.replace("FACTOR", factor).replace("DEPTH", str(depth))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "trained to the end" in done.stdout, done.stderr[-2000:]
