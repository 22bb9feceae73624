"""The same run again with something changed: what a plateau or a learning rate is judged by."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from evaluation.runs.loop import multiply_rate
from evaluation.runs.run import Conditions, Run, Training

LAST = 10
"""Steps over which a final loss is averaged."""

HOPELESS = 100.0
"""A second run whose loss has grown by this much is not run to its end."""


def probe(training: Training) -> float:
    """The loss on the probe batch, without a trace in the random numbers that the run draws."""
    state = torch.get_rng_state()
    with torch.no_grad():
        loss = float(training.probe())
    torch.set_rng_state(state)
    return loss


def final_loss(run: Run, conditions: Conditions, factor: float = 1.0) -> float:
    """The probe loss at the end of the run when the learning rate is multiplied from its onset on.

    Infinite when it ends in NaN.
    """
    training = run.start(conditions)
    start = probe(training)
    losses = []
    for number in range(run.steps):
        if number == run.onset:
            # Around the update alone, so that schedules and faults that set the rate keep their
            # say.
            training.optimizer.register_step_pre_hook(
                lambda optimizer, *_: multiply_rate(factor, optimizer)
            )
            training.optimizer.register_step_post_hook(
                lambda optimizer, *_: multiply_rate(1 / factor, optimizer)
            )
        training.step(number)
        if number >= run.steps - LAST:
            losses.append(probe(training))
        elif number % 25 == 24 and not probe(training) < HOPELESS * start:
            return math.inf
    final = float(np.mean(losses))
    return final if math.isfinite(final) else math.inf


def cured(run: Run, conditions: Conditions) -> float:
    """The final loss of the run with its fault removed."""
    return final_loss(run, replace(conditions, sick=False))
