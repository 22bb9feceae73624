"""Symptoms that are exact: true by how a run is built, or read off without a bound in between."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase

import numpy as np

from evaluation.runs.run import Run, Training
from evaluation.truth.fact import NO, SUSTAINED, Answer, Fact, layer_of, table
from evaluation.truth.measured import Moment

BY_CONSTRUCTION = (
    "unregistered_layers",
    "bad_inputs",
    "collapsed_outputs",
    "gradients_not_cleared",
    "no_step",
    "double_softmax",
    "eval_mode",
    "loss_detached",
    "same_batch",
    "updates_lost",
)
"""Right by the way the run is built; that the fault costs something is measured beside it."""

USUAL_INPUTS = 0.05, 50.0
"""RMS of inputs within which nobody may call them bad but where the label does."""


def exact(run: Run, training: Training, moments: list[Moment]) -> dict[str, Fact]:
    """All exact symptoms of a run that was watched."""
    facts = {symptom: _labeled(run, training, symptom) for symptom in BY_CONSTRUCTION}
    if _odd_inputs(moments):
        facts["bad_inputs"] = _at_least_possible(facts["bad_inputs"])
    if moments and float(np.median([m.alike for m in moments[-SUSTAINED:]])) > 0.99:
        facts["collapsed_outputs"] = _at_least_possible(facts["collapsed_outputs"])
    if "lr_too_low" in run.has:  # the smallest of such updates are lost in fp32 as well
        facts["updates_lost"] = _at_least_possible(facts["updates_lost"])
    return {
        **facts,
        "zero_gradient": _zero_gradient(moments),
        "not_in_optimizer": _not_in_optimizer(training, run.onset),
        "loss_diverging": _diverging(moments),
    }


def optimized(training: Training) -> set[int]:
    """Identities of the parameters that some optimizer holds."""
    return {id(p) for o in training.optimizers for group in o.param_groups for p in group["params"]}


def _labeled(run: Run, training: Training, symptom: str) -> Fact:
    if symptom not in run.has:
        return Fact("either", math.nan) if symptom in run.causes else NO
    glob = run.has[symptom]
    layers = dict.fromkeys(layer_of(name) for name, _ in training.model.named_parameters())
    return Fact(
        "yes", math.nan, tuple(name for name in layers if fnmatchcase(name, glob)), run.onset
    )


def _at_least_possible(fact: Fact) -> Fact:
    return Fact("either", fact.value, fact.layers) if fact.answer == "no" else fact


def _odd_inputs(moments: list[Moment]) -> bool:
    low, high = USUAL_INPUTS
    return any(not low < moment.input_rms < high for moment in moments)


def _zero_gradient(moments: list[Moment]) -> Fact:
    """Every gradient exactly 0 for twenty steps; either where some layers have that."""
    names = [n for n, p in moments[0].parameters.items() if p.has_gradient]
    if not names:
        return NO
    zeros = table([{n: p.gradient_zeros for n, p in m.parameters.items()} for m in moments], names)
    lasting = np.array([_longest(column == 1) >= SUSTAINED for column in zeros.T])
    every = _longest((zeros == 1).all(1)) >= SUSTAINED
    layers = tuple(
        dict.fromkeys(layer_of(n) for n, lasts in zip(names, lasting, strict=True) if lasts)
    )
    answer: Answer = "yes" if every else "either" if layers else "no"
    onset = int(np.argmax((zeros == 1).all(1))) if every else 0
    return Fact(answer, float(lasting.mean()), layers, onset)


def _longest(series: np.ndarray) -> int:
    """Length of the longest stretch of True."""
    best = now = 0
    for value in series:
        now = now + 1 if value else 0
        best = max(best, now)
    return best


def _not_in_optimizer(training: Training, onset: int) -> Fact:
    held = optimized(training)
    outside = dict.fromkeys(
        layer_of(name)
        for name, parameter in training.model.named_parameters()
        if parameter.requires_grad and id(parameter) not in held
    )
    return Fact("yes", float(len(outside)), tuple(outside), onset) if outside else NO


def _diverging(moments: list[Moment]) -> Fact:
    """The probe loss at the end above its best level, over its start: 10 has it, 0.5 has it not."""
    losses = np.array([m.probe_after for m in moments])
    if len(losses) < SUSTAINED or not np.isfinite(losses).all():
        return Fact("either", math.nan)
    levels = np.array(
        [np.median(losses[end - SUSTAINED : end]) for end in range(SUSTAINED, len(losses) + 1)]
    )
    start = max(abs(moments[0].probe_loss), 1e-12)
    value = float((levels[-1] - levels.min()) / start)
    if value < 10:
        return Fact("either" if value > 0.5 else "no", value)
    return Fact("yes", value, (), int(np.flatnonzero(losses > moments[0].probe_loss)[0]))
