"""Watches a training that is spread over several processes, here on the CPU of one machine.

    torchrun --nproc-per-node 2 examples/torchrun_ddp.py run.gw

Every process watches; rank 0 gathers what all of them have measured, judges it and records the run,
which ``GradWidget("run.gw")``, ``open_run`` and ``gradwidget report run.gw`` show, also meanwhile.
"""

from __future__ import annotations

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gradwidget import GradMonitor


def main(path: str, steps: int = 200) -> None:
    """Trains a network whose gradient vanishes, and prints what rank 0 says of it."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(10):
        layers += [nn.Linear(16, 16), nn.Sigmoid()]
    model = DistributedDataParallel(nn.Sequential(*layers, nn.Linear(16, 1)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model.module, run_file=path if rank == 0 else None) as monitor:
        data = torch.Generator().manual_seed(rank)  # each process has samples of its own
        for _ in range(steps):
            samples = torch.randn(32, 16, generator=data)
            loss = nn.functional.mse_loss(model(samples), samples.mean(1, keepdim=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    if rank == 0:
        sys.stdout.write(monitor.report() + "\n")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "run.gw")
