"""With and without gradwidget, training makes the same bits."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

import tests.awkward.loops  # noqa: F401  # registers every loop
from gradwidget import GradMonitor
from tests.awkward.loop import LOOPS, STEPS, Case

RUNS = [(case, optimizer) for case in LOOPS.values() for optimizer in case.optimizers]


@pytest.mark.parametrize(("case", "optimizer"), RUNS, ids=lambda one: getattr(one, "name", one))
def test_watching_changes_no_bit(case: Case, optimizer: str) -> None:
    assert trained(case, optimizer, watched=True) == trained(case, optimizer, watched=False)


def test_watching_within_a_budget_changes_no_bit() -> None:
    case = LOOPS["dropout_and_the_random_state"]
    assert trained(case, "Adam", watched=True, budget=0.01, steps=60) == trained(
        case, "Adam", watched=False, steps=60
    )


def trained(
    case: Case, optimizer: str, *, watched: bool, budget: float | None = None, steps: int = STEPS
) -> list[bytes]:
    """Every bit that a run leaves: what was trained, and the state of all random generators."""
    loop = case.loop(optimizer)
    monitor = GradMonitor(loop.model, loop.named, budget=budget) if watched else None
    loop.run(steps)
    if monitor is not None:
        assert monitor.history.last is not None
        monitor.close()
    return [
        *(bits(tensor) for tensor in loop.state()),
        bits(torch.get_rng_state()),
        repr(random.getstate()).encode(),
        repr(np.random.get_state()).encode(),  # noqa: NPY002  # the global state is what a user's loop draws from
        str(sorted(name for name, _ in loop.model.named_modules())).encode(),
    ]


def bits(tensor: Tensor) -> bytes:
    """A tensor's format, shape and every bit of it."""
    parts: Iterator[Tensor] = iter([tensor])
    if tensor.is_sparse:
        parts = iter([tensor._indices(), tensor._values()])
    raw = b"".join(
        part.contiguous().view(torch.uint8).numpy().tobytes() if part.dim() else repr(part).encode()
        for part in parts
    )
    return f"{tensor.dtype} {tuple(tensor.shape)} ".encode() + raw
