"""Loops that run in several processes at once, and the same loop in one."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed._composable.fsdp import FSDPModule, fully_shard  # type: ignore[attr-defined]  # public from 2.6 on
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)

from gradwidget import GradMonitor
from gradwidget.frame import Inspection
from tests.support.ranks import begin, end

WORLDS = {
    "replicated by 2": 2,
    "replicated by 4": 4,
    "sharded by 2": 2,
    "sharded by 4": 4,
    "accumulated": 2,
    "mesh": 4,
}
"""How many processes each kind of training has."""
STEPS = 24
LATE = 5.0
"""Seconds by which one process is late."""
OF_PART = ("act_rms", "act_grad_norm", "act_grad_rms")
OUTPUTS = (*OF_PART, "act_zero_fraction", "act_saturated_fraction", "act_dead_fraction")
COMPARED = ("grad_norm", "grad_max_abs", "grad_zero_fraction", "weight_norm", "update_ratio")


def network() -> nn.Sequential:
    """Deep enough for its gradient to vanish; the last layer divides unevenly."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for width in (6, *[8] * 9):
        layers += [nn.Linear(width, 8), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(8, 3))


def batches(place: int, of: int) -> Any:
    """The part of each batch that one of several processes gets."""
    own = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        samples, targets = (torch.randn(8, size, generator=own) for size in (6, 3))
        yield samples.chunk(of)[place], targets.chunk(of)[place]


def outcome(
    model: nn.Module, place: int, of: int, *, watched: bool, micro: int = 1
) -> tuple[dict[str, Any], list[Tensor]]:
    """Trains a model; what a monitor has of it, and the weights.

    Gradients of micro-batches are added up in each process, and spread over all with the last.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    monitor = GradMonitor(model, budget=None) if watched else None
    seen = None
    for samples, targets in batches(place, of):
        optimizer.zero_grad()
        if monitor is not None:
            seen = monitor.inspect(monitor.layers[0].name)
        parts = list(zip(samples.chunk(micro), targets.chunk(micro), strict=True))
        for number, (inputs, wanted) in enumerate(parts, start=1):
            if isinstance(model, FSDPModule):
                model.set_requires_gradient_sync(number == micro)
            ((model(inputs) - wanted).square().mean() / micro).backward()
        optimizer.step()
    found: dict[str, Any] = {}
    if monitor is not None:
        monitor.close()
        history = monitor.history
        found = {name: history[name].tolist() for name in COMPARED}
        found |= {
            name: history.scalars[name].tolist()
            for name in ("loss", "total_grad_norm")
            if name in history.scalars
        }
        found["inspected"] = _inspected(seen)
        found |= {name: history[name].tolist() for name in OUTPUTS}
        frames = history.recent_frames(STEPS)
        found |= {
            "layers": [layer.name.removeprefix("module.") for layer in monitor.layers],
            "reasons": frames[-1].reasons,
            "problems": [str(problem) for problem in monitor.problems],
            "findings": [finding.symptom.value for finding in monitor.findings],
            "ranks": [one.rank for one in monitor.ranks],
            "report": monitor.report(),
        }
    return found, list(model.parameters())


def outputs_of_part(place: int, of: int) -> dict[str, list[list[float]]]:
    """What one process's part of each batch gives at every layer, while all parts train: by plain
    autograd, in a single process."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    found: dict[str, list[list[float]]] = {name: [] for name in OF_PART}
    for (samples, targets), (own, wanted) in zip(batches(0, 1), batches(place, of), strict=True):
        x, outputs = own, []
        for layer in model:
            x = layer(x)
            x.retain_grad()
            outputs.append(x)
        (x - wanted).square().mean().backward()
        # The activations are those behind a sigmoid; the gradients those of what it was given.
        bent = [*outputs[1::2], outputs[-1]]
        slopes = [one.grad for one in outputs[::2] if one.grad is not None]
        found["act_rms"].append([float(one.detach().square().mean().sqrt()) for one in bent])
        found["act_grad_norm"].append([float(one.norm()) for one in slopes])
        found["act_grad_rms"].append([float(one.square().mean().sqrt()) for one in slopes])
        optimizer.zero_grad()
        (model(samples) - targets).square().mean().backward()
        optimizer.step()
    return found


def _inspected(seen: Inspection | None) -> dict[str, Any]:
    """What the histograms of a layer count, and what they say of that."""
    assert seen is not None
    found = {}
    for name in ("gradient", "weight", "activation"):
        one = getattr(seen, name)
        is_one = not isinstance(one, str)
        found[name] = [one.total, one.low, one.high, one.note] if is_one else one
    return found


def distributed(kind: str, rank: int) -> tuple[nn.Module, int, int]:
    """The model as a kind of training spreads it; which part of the data this process has."""
    model, world = network(), WORLDS[kind]
    if kind.startswith("replicated"):
        return nn.parallel.DistributedDataParallel(model), rank, world
    if kind != "mesh":
        mesh = init_device_mesh("cpu", (world,))
        for layer in list(model)[::4]:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        return model, rank, world
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
    parallelize_module(model, mesh["tensor"], {"0": ColwiseParallel(), "2": RowwiseParallel()})
    fully_shard(model, mesh=mesh["data"])
    return model, mesh["data"].get_local_rank(), 2


def train(rank: int, kind: str, folder: str) -> None:
    """One process: trains without a monitor, and then once more with one."""
    begin(rank, WORLDS[kind], folder)
    weights: list[Any] = []
    found: dict[str, Any] = {}
    for watched in (False, True):
        model, place, of = distributed(kind, rank)
        micro = 2 if kind == "accumulated" else 1
        found, own = outcome(model, place, of, watched=watched, micro=micro)
        weights.append([getattr(one, "_local_tensor", one).tolist() for one in own])
    found["is_unchanged"] = weights[0] == weights[1]
    dist.barrier()
    end(rank, folder, found)


def trouble(rank: int, kind: str, folder: str) -> None:
    """One of two processes, in the middle of which something happens to the other."""
    begin(rank, 2, folder)
    model, _, _ = distributed("sharded by 2" if "sharded" in kind else "replicated by 2", rank)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    is_watched = rank == 0 or kind != "unwatched"
    monitor = GradMonitor(model, budget=0.01 if kind == "agreed" else None) if is_watched else None
    steps = 400 if kind == "agreed" else 30
    began, error = time.monotonic(), ""
    for step in range(steps):
        if rank == 1 and step == 10:
            if kind.startswith("killed"):
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "late":
                time.sleep(LATE)
        if rank == 1 and step >= 20 and kind == "late":
            time.sleep(0.2)
        samples = torch.randn(8, 6)
        if rank == 1 and step == 20 and kind == "late":
            samples[0, 0] = torch.nan
        try:
            optimizer.zero_grad()
            model(samples).square().mean().backward()
            optimizer.step()
        except RuntimeError as failure:
            error = str(failure)
            break
    trained, closing = time.monotonic() - began, time.monotonic()
    found: dict[str, Any] = {"error": error, "seconds": trained}
    if monitor is not None:
        monitor.close()
        frames = monitor.history.recent_frames(64)
        found |= {
            "closing": time.monotonic() - closing,
            "steps": monitor.history.steps.tolist(),
            "told": [[frame.step, [one.rank for one in frame.ranks]] for frame in frames],
            "problems": [problem.message for problem in monitor.problems],
            "report": monitor.report(),
            "first": [one.rank for one in monitor.ranks if one.nonfinite_step == 20],
            "findings": [finding.symptom.value for finding in monitor.findings],
        }
    if not error:
        dist.barrier()
    end(rank, folder, found)
