"""Watches a training that ``accelerate launch`` spreads over several processes.

    accelerate launch --multi_gpu --num_processes 2 examples/accelerate_launch.py run.gw

It runs on the CPU where there is no GPU. Every process watches; rank 0 gathers what all of them
have measured, judges it and records the run, which ``GradWidget("run.gw")``, ``open_run`` and
``gradwidget report run.gw`` show, also meanwhile.
"""

from __future__ import annotations

import sys

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gradwidget import GradMonitor


def main(path: str, epochs: int = 10) -> None:
    """Trains a network whose gradient vanishes, and prints what rank 0 says of it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    layers = [part for _ in range(10) for part in (nn.Linear(16, 16), nn.Sigmoid())]
    network = nn.Sequential(*layers, nn.Linear(16, 1))
    samples = torch.randn(1280, 16)
    model, optimizer, batches = accelerator.prepare(
        network,
        torch.optim.SGD(network.parameters(), lr=0.1),
        DataLoader(TensorDataset(samples, samples.mean(1, keepdim=True)), batch_size=32),
    )
    run_file = path if accelerator.is_main_process else None
    with GradMonitor(accelerator.unwrap_model(model), run_file=run_file) as monitor:
        for _ in range(epochs):
            for inputs, targets in batches:
                loss = nn.functional.mse_loss(model(inputs), targets)
                optimizer.zero_grad()
                accelerator.backward(loss)
                optimizer.step()
    if accelerator.is_main_process:
        sys.stdout.write(monitor.report() + "\n")
    accelerator.end_training()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "run.gw")
