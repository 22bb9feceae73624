"""Recurrent layers for tests of rules: hand-made profiles along time, and real stacks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from gradwidget import GradMonitor
from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import FloatArray, Frame, Layer, RecurrentProfile
from gradwidget.record.history import History

LAYERS = (
    Layer("rnn", "RNN", {"weight_ih_l0": (8, 4), "weight_hh_l0": (8, 8)}),
    Layer("later", "RNN", {"weight_ih_l0": (8, 8), "weight_hh_l0": (8, 8)}),
)


def run_of(*profiles: RecurrentProfile, steps: int = 12) -> tuple[Engine, History]:
    """Judges a run in which every step has these profiles."""
    history, engine = History(), Engine()
    for step in range(steps):
        metrics = {"grad_norm": np.ones(2, np.float32)}
        history.append(Frame(step, LAYERS, metrics, scalars={"loss": 1.0}, recurrent=profiles))
        engine.update(history)
    return engine, history


def judged_together(*profiles: RecurrentProfile) -> Engine:
    return run_of(*profiles)[0]


def judged(norms: FloatArray) -> Engine:
    return judged_together(RecurrentProfile("rnn", "dL/dh", norms))


def stack(below: dict[bool, FloatArray], above: dict[bool, FloatArray]) -> Engine:
    """What is found in two layers, each given by its two directions: the one that reads from the
    end is True."""
    return judged_together(
        *(
            RecurrentProfile("rnn", "dL/dh", norms, depth, reverse)
            for depth, layer in enumerate((below, above))
            for reverse, norms in layer.items()
        )
    )


def over_time(ratio: float) -> FloatArray:
    return np.geomspace(ratio, 1, 40).astype(np.float32)


def only_at_the_last() -> FloatArray:
    norms = np.zeros(40, np.float32)
    norms[-1] = 1
    return norms


class BothWays(nn.Module):
    """A stack that reads a sequence both ways, and what is taken from its outputs [B, T, ...]."""

    def __init__(self, rnn: nn.GRU | nn.RNN, read: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(2 * rnn.hidden_size, 1)
        self.read = read

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.read(self.rnn(x)[0]))
        return y


def trained(model: BothWays) -> set[Symptom]:
    optimizer = torch.optim.SGD(model.parameters(), 1e-5)
    with GradMonitor(model) as monitor:
        for _ in range(10):
            optimizer.zero_grad()
            model(torch.randn(8, 25, 4)).mean().backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return {finding.symptom for finding in monitor.findings}


def relu_stack(grown: str) -> nn.RNN:
    rnn = nn.RNN(4, 16, 2, nonlinearity="relu", batch_first=True, bidirectional=True)
    with torch.no_grad():
        rnn.get_parameter(grown).copy_(1.5 * torch.eye(16))
    return rnn
