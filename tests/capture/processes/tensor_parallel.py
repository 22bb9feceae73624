"""A small transformer's MLPs, divided by tensor parallel, and what plain autograd has of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed._composable.fsdp import fully_shard  # type: ignore[attr-defined]  # public from 2.6 on
from torch.distributed._tensor.placement_types import (  # without the _ from 2.5 on
    Partial,
    Replicate,
    Shard,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from gradwidget import GradMonitor
from tests.support.ranks import begin, end

PLANS: dict[str, Any] = {
    # Each process has whole samples between the MLPs, and other columns inside of them.
    "columns": lambda: {
        "embed": RowwiseParallel(input_layouts=Replicate()),
        "up.0": ColwiseParallel(),
        "down.0": RowwiseParallel(),
        "up.1": ColwiseParallel(),
        "down.1": RowwiseParallel(),
    },
    # It has other positions between them, of which one process has one more; all stay sharded.
    "positions": lambda: {
        "embed": RowwiseParallel(
            input_layouts=Replicate(), output_layouts=Shard(1), use_local_output=False
        ),
        "norm.0": SequenceParallel(),
        "up.0": ColwiseParallel(input_layouts=Shard(1)),
        "down.0": RowwiseParallel(output_layouts=Shard(1), use_local_output=False),
        "norm.1": SequenceParallel(),
        "up.1": ColwiseParallel(input_layouts=Shard(1)),
        "down.1": RowwiseParallel(),
    },
    # What a layer gives is gathered or stays sharded; the tokens are embedded column by column.
    "gathered": lambda: {
        "embed": ColwiseParallel(output_layouts=Replicate()),
        "up.0": ColwiseParallel(output_layouts=Replicate()),
        "up.1": ColwiseParallel(use_local_output=False),
        "down.1": RowwiseParallel(),
    },
    # What one layer gives is nowhere added up, but in what it is given to.
    "sums": lambda: {
        "up.0": ColwiseParallel(),
        "down.0": RowwiseParallel(output_layouts=Partial(), use_local_output=False),
        "norm.1": SequenceParallel(),
        "up.1": ColwiseParallel(input_layouts=Shard(1)),
        "down.1": RowwiseParallel(),
    },
}
"""What is done to each layer; those that are not named are whole in each process."""
ATTACHED_BEFORE = "gathered"
"""The plan that is carried out once the model is watched."""
STEPS = 4
TOKENS, POSITIONS, SAMPLES = 11, 5, 4
FIGURES = (
    "act_rms",
    "act_zero_fraction",
    "act_dead_fraction",
    "act_grad_norm",
    "act_grad_rms",
    "act_grad_zero_fraction",
)


class Mlps(nn.Module):
    """Two of them, with units that are dead, in one half of the columns more than in the other."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(TOKENS, 6)
        self.norm = nn.ModuleList(nn.LayerNorm(6) for _ in range(2))
        self.up = nn.ModuleList(nn.Linear(6, 8) for _ in range(2))
        self.act = nn.ModuleList([nn.ReLU(), nn.GELU()])
        self.down = nn.ModuleList([nn.Linear(8, 6), nn.Linear(8, 3)])
        with torch.no_grad():
            # Unit 6 lives for a few samples only.
            bias = self.up[0].get_parameter("bias")
            for unit, value in ((0, -9.0), (1, -9.0), (5, -9.0), (6, -1.2)):
                bias[unit] = value

    def forward(self, tokens: Tensor) -> Tensor:
        """Outputs [samples, positions, 3]."""
        x = self.embed(tokens)
        for norm, up, act, down in zip(self.norm, self.up, self.act, self.down, strict=True):
            x = down(act(up(norm(x))))
        outputs: Tensor = x
        return outputs


def batches(place: int, of: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The part of each batch that one of several processes gets."""
    own = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        tokens = torch.randint(TOKENS, (SAMPLES, POSITIONS), generator=own)
        targets = torch.randn(SAMPLES, POSITIONS, 3, generator=own)
        yield tokens.chunk(of)[place], targets.chunk(of)[place]


def alone() -> dict[str, dict[str, list[float]]]:
    """The figures of each layer, step by step: by plain autograd, in one process."""
    model = Mlps()
    names = [name for name, one in model.named_modules() if list(one.parameters(recurse=False))]
    outputs: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        output.retain_grad()
        outputs[name] = output

    for name in names:
        model.get_submodule(name).register_forward_hook(
            lambda _module, _args, output, name=name: keep(name, output)
        )
    acts = dict(zip(("up.0", "up.1"), model.act, strict=True))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    found: dict[str, dict[str, list[float]]] = {
        figure: {name: [] for name in names} for figure in FIGURES
    }
    for tokens, targets in batches(0, 1):
        optimizer.zero_grad()
        (model(tokens) - targets).square().mean().backward()
        for name, output in outputs.items():
            values = acts[name](output.detach()) if name in acts else output.detach()
            slopes = output.grad
            assert slopes is not None
            for figure, value in {
                "act_rms": values.square().mean().sqrt(),
                "act_zero_fraction": (values == 0).float().mean(),
                "act_dead_fraction": (values == 0).all(0).all(0).float().mean(),
                "act_grad_norm": slopes.norm(),
                "act_grad_rms": slopes.square().mean().sqrt(),
                "act_grad_zero_fraction": (slopes == 0).float().mean(),
            }.items():
                found[figure][name].append(float(value))
        optimizer.step()
    return found


def divided(model: nn.Module, plan: str, world: int) -> tuple[int, int]:
    """Divides a model; which part of the data this process gets, and of how many."""
    if world == 2:
        parallelize_module(model, init_device_mesh("cpu", (2,)), PLANS[plan]())
        return 0, 1
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
    parallelize_module(model, mesh["tensor"], PLANS[plan]())
    fully_shard(model, mesh=mesh["data"])
    return mesh["data"].get_local_rank(), 2


def hooks(model: nn.Module) -> list[int]:
    """How many forward hooks each module has."""
    return [len(one._forward_hooks) for one in model.modules()]


def train(rank: int, plan: str, folder: str, world: int) -> None:
    """One process: trains without a monitor, and then once more with one."""
    begin(rank, world, folder)
    left: list[Any] = []
    monitor = None
    for watched in (False, True):
        model = Mlps()
        if watched and plan == ATTACHED_BEFORE:
            monitor = GradMonitor(model, budget=None)
        place, of = divided(model, plan, world)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        if watched and monitor is None:
            monitor = GradMonitor(model, budget=None)
        for tokens, targets in batches(place, of):
            optimizer.zero_grad()
            (model(tokens) - targets).square().mean().backward()
            optimizer.step()
        weights = [getattr(one, "_local_tensor", one).tolist() for one in model.parameters()]
        left.append((weights, hooks(model)))
    assert monitor is not None
    monitor.close()
    layers = [layer.name for layer in monitor.layers]
    found: dict[str, Any] = {
        figure: dict(zip(layers, monitor.history[figure].T.tolist(), strict=True))
        for figure in FIGURES
    }
    found["is_unchanged"] = left[0] == left[1]
    found["reasons"] = monitor.history.recent_frames(1)[-1].reasons
    found["problems"] = [str(problem) for problem in monitor.problems]
    found["report"] = monitor.report()
    dist.barrier()
    end(rank, folder, found)
