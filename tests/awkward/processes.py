"""A loop that runs in two processes at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from gradwidget import GradMonitor
from tests.awkward.loops.structure import mlp

WORLD = 2


def train(rank: int, kind: str, watched: bool, folder: str) -> None:  # noqa: FBT001  # torch passes by position
    """Trains four steps as one of the processes, writes the outcome to a file, and ends it."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/{kind}{watched}", rank=rank, world_size=WORLD
    )
    torch.manual_seed(0)
    model: nn.Module = mlp()
    if kind == "replicated":
        model = nn.parallel.DistributedDataParallel(model)
    else:
        fully_shard(model, mesh=init_device_mesh("cpu", (WORLD,)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = GradMonitor(model, budget=None) if watched else None
    own = torch.Generator().manual_seed(rank)
    for _ in range(4):
        optimizer.zero_grad()
        model(torch.randn(8, 4, generator=own)).square().mean().backward()
        optimizer.step()
    weights = [getattr(one, "full_tensor", lambda one=one: one)() for one in model.parameters()]
    found: dict[str, object] = {"weights": [one.tolist() for one in weights]}
    if monitor is not None and monitor.history.last is not None:
        frame = monitor.history.last
        found |= {
            "problems": [problem.traceback for problem in monitor.problems],
            "steps": len(monitor.history.steps),
            "measured": [name for name in frame.metrics if frame.is_measured(name).any()],
            "reasons": dict(frame.reasons),
            "total": frame.scalars.get("total_grad_norm"),
        }
        monitor.close()
    Path(folder, f"{kind}{watched}{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()
    # A device mesh keeps its group, and with it the threads of gloo, for good. One that drops
    # a tensor while the interpreter is torn down aborts the process, rarely:
    # https://github.com/pytorch/pytorch/pull/179291
    os._exit(0)
