"""One remedy carried out on a run that starts again."""

from __future__ import annotations

import ast
import io
import math
from contextlib import redirect_stdout
from dataclasses import dataclass

import numpy as np
import torch

from evaluation.runs.run import Conditions, Run, Training
from evaluation.truth.rerun import HOPELESS, LAST, probe
from gradwidget.diagnose.finding import Remedy


@dataclass(frozen=True)
class Attempt:
    """What came of one remedy."""

    title: str
    end: float
    """The probe loss at the end, averaged; infinite where it is not finite, NaN where the code has
    nothing to run."""
    error: str = ""
    """What the code raised, or the loop after it."""
    left_behind: tuple[str, ...] = ()
    """Global state of torch that is not as it was before."""


def attempt(run: Run, conditions: Conditions, remedy: Remedy, before_step: int) -> Attempt:
    """Builds the run again, carries the remedy out before that step, and trains to the end."""
    if not ast.parse(remedy.code).body:  # comments alone: a person is to do it
        return Attempt(remedy.title, math.nan)
    training = run.start(conditions)
    start, before = probe(training), _global_state()
    end, error = math.inf, ""
    try:
        # A run that begins as no number can only get better.
        hopeless = HOPELESS * abs(start) if math.isfinite(start) else math.inf
        end = _trained(run, training, remedy, before_step, hopeless)
    except Exception as raised:  # noqa: BLE001 - whatever a remedy does to a loop is to be listed
        error = f"{type(raised).__name__}: {raised}".partition("\n")[0]
    after = _global_state()
    _restore(before)
    changed = tuple(name for name in before if before[name] != after[name])
    return Attempt(remedy.title, end if math.isfinite(end) else math.inf, error, changed)


def _trained(
    run: Run, training: Training, remedy: Remedy, before_step: int, hopeless: float
) -> float:
    losses = []
    for number in range(run.steps):
        if number == before_step:
            _carry_out(remedy.code, training)
        training.step(number)
        if number >= run.steps - LAST:
            losses.append(probe(training))
        elif number > before_step and number % 25 == 24 and not probe(training) < hopeless:
            return math.inf
    return float(np.mean(losses))


def _carry_out(code: str, training: Training) -> None:
    """Runs the code as a reader would, in a cell that has these names."""
    scope = {"model": training.model, "optimizer": training.optimizer, "torch": torch}
    with redirect_stdout(io.StringIO()):
        exec(compile(code, "<remedy>", "exec"), scope)  # noqa: S102 - the very thing to be tried
    optimizer = scope["optimizer"]
    if isinstance(optimizer, torch.optim.Optimizer):
        training.optimizer = optimizer


def _global_state() -> dict[str, object]:
    return {
        "anomaly mode": torch.is_anomaly_enabled(),
        "default dtype": torch.get_default_dtype(),
        "grad mode": torch.is_grad_enabled(),
        "thread count": torch.get_num_threads(),
    }


def _restore(state: dict[str, object]) -> None:
    """So that one remedy does not change the next."""
    torch.autograd.set_detect_anomaly(bool(state["anomaly mode"]))
    dtype = state["default dtype"]
    if isinstance(dtype, torch.dtype):
        torch.set_default_dtype(dtype)
    torch.set_grad_enabled(bool(state["grad mode"]))
    threads = state["thread count"]
    if isinstance(threads, int):
        torch.set_num_threads(threads)
