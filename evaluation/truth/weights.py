"""Symptoms of the weights, by the values that define them."""

from __future__ import annotations

import math

import numpy as np

from evaluation.runs.run import Training
from evaluation.truth.fact import NO, Answer, Fact, Floats, Series, layer_of, lowest, table
from evaluation.truth.measured import Moment

Weights = dict[str, Floats]


def weights_of(training: Training) -> Weights:
    return {
        n: p.detach().double().numpy().copy()
        for n, p in training.model.named_parameters()
        if p.requires_grad
    }


def _natural(shape: tuple[int, ...]) -> float:
    """Norm of a weight of that shape whose entries have the variance 1 / fan-in."""
    return math.sqrt(shape[0])


def weights_changed(training: Training, moments: list[Moment]) -> dict[str, Fact]:
    """Norms of the matrices over their start.

    Growth is over the larger of the start and the variance-preserving scale.
    """
    shapes = {
        n: tuple(p.shape)
        for n, p in training.model.named_parameters()
        if p.ndim > 1 and p.requires_grad
    }
    names = list(shapes)
    norms = table([{n: p.norm for n, p in m.parameters.items()} for m in moments], names)
    norms[~np.isfinite(norms)] = np.nan
    start = norms[0]
    natural = np.array([_natural(shapes[n]) for n in names])
    with np.errstate(divide="ignore", invalid="ignore"):
        over_start = norms / np.where(start > 0, start, np.nan)
        growth = np.maximum(start, natural) / norms
    layers = tuple(layer_of(n) for n in names)
    shrunk, grown = Series(layers, over_start), Series(layers, growth)
    return {
        "weights_growing": lowest(grown, 0.1, 0.25),
        "weights_shrinking": lowest(shrunk, 0.1, 0.4),
        "weights_zero": lowest(shrunk, 1e-4, 1e-2),
    }


def frozen(
    training: Training, order: list[str], since: Weights, lately: Weights, onset: int
) -> Fact:
    """Relative displacement of the least moved early matrix over that of the most moved late one.

    Both since the onset.

    What holds over the last quarter alone may be said as well.
    """
    whole, recent = _stillness(training, order, since), _stillness(training, order, lately)
    if not whole or not recent:
        return NO
    third = max(1, len(whole) // 3)
    value, value_lately = (min(list(ratios.values())[:third]) for ratios in (whole, recent))
    layers = tuple(
        name
        for name in sorted(whole, key=lambda n: whole[n])
        if min(whole[name], recent.get(name, 1.0)) < 3e-2
    )
    answer: Answer = (
        "yes" if value <= 1e-2 else "no" if min(value, value_lately) >= 3e-2 else "either"
    )
    return Fact(answer, value, layers, onset if answer == "yes" else 0)


def _stillness(training: Training, order: list[str], before: Weights) -> dict[str, float]:
    """Relative displacement of each matrix over that of the most moved of the last third.

    Input first.

    Empty where nothing moved, or too few matrices tell early from late.
    """
    after = weights_of(training)
    moved = {}
    for name in order:
        old = before.get(f"{name}.weight")
        # A layer that starts at 0 has no relative displacement.
        if old is not None and old.ndim > 1 and np.linalg.norm(old) > 1e-2 * _natural(old.shape):
            moved[name] = float(np.linalg.norm(after[f"{name}.weight"] - old) / np.linalg.norm(old))
    if len(moved) < 3 or not all(math.isfinite(value) for value in moved.values()):
        return {}
    most = max(list(moved.values())[-max(1, len(moved) // 3) :])
    return {name: value / most for name, value in moved.items()} if most > 0 else {}
