"""Training on a machine that you reach by ssh, recorded: ``python remote_training.py [run.gw]``.

Follow it from another terminal with ``gradwidget watch run.gw``, or in a notebook that sees the
file with ``GradWidget("run.gw")``. Ten sigmoids in a row: hardly any gradient reaches the first
layers.
"""

from __future__ import annotations

import sys

import torch
from torch import nn

from gradwidget import GradMonitor

STEPS = 3_000


def main(run_file: str, steps: int) -> None:
    """Trains and records."""
    torch.manual_seed(0)
    hidden = [part for _ in range(10) for part in (nn.Linear(64, 64), nn.Sigmoid())]
    model = nn.Sequential(nn.Linear(16, 64), *hidden, nn.Linear(64, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs = torch.randn(2048, 16)
    labels = inputs[:, :4].argmax(1)
    with GradMonitor(model, run_file=run_file) as monitor:
        for _ in range(steps):
            batch = torch.randint(len(inputs), (256,))
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
            loss.backward()
            optimizer.step()
    sys.stdout.write(f"{monitor.report()}\n\nRecorded in {run_file}.\n")


if __name__ == "__main__":
    main(*(sys.argv[1:2] or ["run.gw"]), int(sys.argv[2]) if len(sys.argv) > 2 else STEPS)
