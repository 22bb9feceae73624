"""Symptoms of the gradients, by the values that define them."""

from __future__ import annotations

import math

import numpy as np

from evaluation.runs.run import Training
from evaluation.truth.exact import optimized
from evaluation.truth.fact import NO, SUSTAINED, Fact, Series, by_layer, layer_of, lowest, table
from evaluation.truth.measured import Moment


def over_depth(
    training: Training,
    moments: list[Moment],
    *,
    yes: float,
    no: float,
    explode: bool = False,
    least: int = SUSTAINED,
) -> Fact:
    """The gradient of each output of the chain over that of the last.

    By element and as a whole; both must agree, in the median of ``least`` steps.
    """
    chain = training.chain
    if len(chain) < 2:
        return NO
    # What the chain decides may be said of the layers beside it as well: those in the branches of a
    # block.
    beside = [name for name in moments[0].output_rms if name not in chain]
    names = [*chain[:-1], *beside, chain[-1]]
    readings = []
    for sizes in (
        table([m.output_rms for m in moments], names),
        table([m.output_norm for m in moments], names),
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = sizes[:, :-1] / np.where(sizes[:, -1:] > 0, sizes[:, -1:], np.nan)
            readings.append(1 / ratio if explode else ratio)
        readings[-1][np.isinf(readings[-1])] = np.nan
    ratios = np.fmax(*readings)
    own = len(chain) - 1
    fact = lowest(Series(chain[:-1], ratios[:, :own]), yes, no, least)
    value = 1 / fact.value if explode and fact.value else fact.value
    if fact.answer == "no":
        return Fact("no", value)
    return Fact(
        fact.answer,
        value,
        fact.layers + lowest(Series(tuple(beside), ratios[:, own:]), yes, no, least).layers,
        fact.onset,
    )


def lost_since_start(moments: list[Moment]) -> Fact:
    """A layer's gradient over that of its first steps, while the loss is above half its start."""
    names = list(moments[0].parameters)
    norms = table([{n: p.gradient_norm for n, p in m.parameters.items()} for m in moments], names)
    start = np.nanmedian(np.where(np.isfinite(norms[:SUSTAINED]), norms[:SUSTAINED], 0.0), axis=0)
    losses = np.array([m.probe_loss for m in moments])
    high = losses > 0.5 * losses[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(high[:, None], norms / np.where(start > 0, start, np.nan), np.nan)
    # Layers that are used now and then have none at the other steps; that is no_gradient's to
    # judge.
    ratio[~np.isfinite(ratio)] = np.nan
    return lowest(by_layer(names, ratio), 1e-3, 1e-2, SUSTAINED)


def spike(moments: list[Moment]) -> Fact:
    """The total gradient over the highest (strict) and the median (lenient) of its own past."""
    totals = np.array([m.total for m in moments])
    best, onset, lenient = 0.0, 0, 0.0
    for step in range(5, len(totals)):
        past = totals[max(0, step - 200) : step]
        past = past[np.isfinite(past) & (past > 0)]
        if not len(past) or not np.isfinite(totals[step]):
            continue
        ratio = totals[step] / past.max()
        if ratio >= 100 and best < 100:
            onset = step
        best = max(best, ratio)
        lenient = max(lenient, totals[step] / np.median(past))
    if best >= 100:
        return Fact("yes", best, _grown(moments, onset), onset)
    return Fact("either" if lenient >= 12 else "no", best, tuple(_grown(moments, len(moments) - 1)))


def _grown(moments: list[Moment], step: int) -> tuple[str, ...]:
    """Layers whose gradient is far beyond its past at that step, the most affected first."""
    growth: dict[str, float] = {}
    for name, now in moments[step].parameters.items():
        past = [m.parameters[name] for m in moments[max(0, step - 50) : step]]
        usual = np.median([p.gradient_norm for p in past if p.has_gradient] or [0.0])
        if usual > 0 and math.isfinite(now.gradient_norm):
            growth[layer_of(name)] = max(
                growth.get(layer_of(name), 0.0), now.gradient_norm / float(usual)
            )
    return tuple(name for name in sorted(growth, key=lambda n: -growth[n]) if growth[name] >= 12)


def in_time(moments: list[Moment], least: int = SUSTAINED) -> dict[str, Fact]:
    names = tuple(moments[0].time)
    firsts = table([{n: first for n, (first, _) in m.time.items()} for m in moments], names)
    lasts = table([{n: last for n, (_, last) in m.time.items()} for m in moments], names)
    if not names:
        return {"rnn_vanishing_in_time": NO, "rnn_exploding_in_time": NO}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = firsts / np.where(lasts > 0, lasts, np.nan)
        inverse = 1 / ratio
    ratio[~np.isfinite(ratio)] = np.nan
    inverse[~np.isfinite(inverse)] = np.nan
    exploding = lowest(Series(names, inverse), 1e-2, 1 / 30, least)
    return {
        "rnn_vanishing_in_time": lowest(Series(names, ratio), 1e-4, 1e-2, least),
        "rnn_exploding_in_time": Fact(
            exploding.answer, 1 / exploding.value, exploding.layers, exploding.onset
        ),
    }


def underflow(moments: list[Moment]) -> Fact:
    if not moments[0].underflow:
        return NO
    names = list(moments[0].underflow)
    kept = 1 - table([m.underflow for m in moments], names)
    fact = lowest(by_layer(names, kept), 0.7, 0.98, SUSTAINED)
    return Fact(fact.answer, 1 - fact.value, fact.layers, fact.onset)


def no_gradient(training: Training, moments: list[Moment], onset: int) -> Fact:
    """Trainable parameters without a gradient in 99 % of the steps.

    Of those that are merely in no optimizer it may be said as well.
    """
    held = optimized(training)
    missing, outside = [], []
    for name, parameter in training.model.named_parameters():
        if not parameter.requires_grad:
            continue
        without = np.mean(
            [not m.parameters[name].has_gradient for m in moments if name in m.parameters]
        )
        if without >= 0.99:
            missing.append(layer_of(name))
        elif id(parameter) not in held:
            outside.append(layer_of(name))
    if missing:
        return Fact("yes", float(len(missing)), tuple(dict.fromkeys(missing)), onset)
    return Fact("either", 0.0, tuple(dict.fromkeys(outside))) if outside else NO
