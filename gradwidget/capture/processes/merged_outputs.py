"""Statistics of outputs: what each process has of its part of a batch, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gradwidget.frame import BoolArray, FloatArray, Frame

SIZES = ("act_rms", "act_grad_rms")
"""Root mean squares."""
SHARES = ("act_zero_fraction", "act_saturated_fraction", "act_grad_zero_fraction")
"""Shares of the entries."""
DEAD = "act_dead_fraction"
OF_GRADIENTS = ("act_grad_norm", "act_grad_rms")
"""Of the gradient of a process's own loss; that of all is the mean of these losses."""
FIGURES = (*SIZES, *SHARES, DEAD, "act_grad_norm")

Figures = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OutputParts:
    """What one process has measured of the outputs of layers, and of their gradients."""

    layers: int = 0
    """Of the names of its layers, in their order: alike where these are."""

    figures: Figures = field(default_factory=lambda: np.empty((0, 0)))
    """Float64 [1 + figures, layers]: entries of the outputs, and ``FIGURES``; NaN where a layer has
    none."""

    alive: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Of layers with dead units: how many units, and which are alive, as bits that are written in
    hexadecimal digits."""


def with_outputs(frame: Frame, parts: Sequence[OutputParts]) -> dict[str, FloatArray]:
    """The metrics of a frame, those of outputs of all processes together.

    Where several processes have the same data, as in tensor parallel, each counts once.

    Args:
        frame: of this process.
        parts: what each process has told, this one first; one with other layers is left out.
    """
    own = parts[0]
    alike = [one for one in parts if one.layers == own.layers]
    distinct = list({one.figures.tobytes(): one for one in alike}.values())
    if len(distinct) < 2 or own.figures.shape[1] != len(frame.layers):
        return dict(frame.metrics)
    stack = np.stack([one.figures for one in distinct])
    metrics = dict(frame.metrics)
    for place, name in enumerate(FIGURES, start=1):
        if name not in metrics:
            continue
        values = stack[:, place]
        known: BoolArray = ~np.isnan(values)
        weights = np.where(known, stack[:, 0], 0.0)
        weights /= np.maximum(weights.sum(0), 1.0)
        present = np.where(known, values, 0.0)
        if name in SHARES:
            merged = (weights * present).sum(0)
        elif name in SIZES:
            merged = np.sqrt((weights * present**2).sum(0))
        elif name == DEAD:
            merged = _dead_everywhere(np.fmin.reduce(values, axis=0), frame, distinct)
        else:
            merged = np.sqrt((present**2).sum(0))
        if name in OF_GRADIENTS:
            merged /= len(distinct)
        # What this process has not measured has its reason beside it.
        has_own = frame.is_measured(name) & known[0]
        metrics[name] = np.where(has_own, merged, metrics[name]).astype(np.float32)
    return metrics


def _dead_everywhere(dead: Figures, frame: Frame, parts: Sequence[OutputParts]) -> Figures:
    """The share of the units that are dead in all processes, where each has some."""
    found = dead.copy()
    for row in np.flatnonzero(dead > 0).tolist():
        name = frame.layers[row].name
        told = [one.alive[name] for one in parts if name in one.alive]
        if len({units for units, _ in told}) == 1:
            bits = [np.frombuffer(bytes.fromhex(alive), np.uint8) for _, alive in told]
            alive = np.unpackbits(np.bitwise_or.reduce(bits)).sum()
            found[row] = 1 - float(alive) / told[0][0]
    return found
