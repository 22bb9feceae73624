"""Statistics of outputs: what each process has of its part of a batch, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gradwidget.capture.model.output_place import Place
from gradwidget.capture.processes.sharing import Figures, sharing
from gradwidget.frame import BoolArray, Frame

SIZES = ("act_rms", "act_grad_rms")
"""Root mean squares."""
SHARES = ("act_zero_fraction", "act_saturated_fraction", "act_grad_zero_fraction")
"""Shares of the entries."""
DEAD = "act_dead_fraction"
OF_GRADIENTS = ("act_grad_norm", "act_grad_rms")
"""Of the gradient of a process's own loss; that of all is the mean of these losses."""
FIGURES = (*SIZES, *SHARES, DEAD, "act_grad_norm")

Alive = tuple[int, str]
"""How many units there are, and which are alive, as bits that are written in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class OutputParts:
    """What one process has measured of the outputs of layers, and of their gradients."""

    layers: int = 0
    """Of the names of its layers, in their order: alike where these are."""

    figures: Figures = field(default_factory=lambda: np.empty((0, 0)))
    """Float64 [1 + figures, layers]: entries of the outputs, and ``FIGURES``; NaN where a layer has
    none."""

    alive: dict[str, Alive] = field(default_factory=dict)
    """Of layers with dead units."""

    places: dict[str, Place | None] = field(default_factory=dict)
    """Of layers that tensor parallel divides, what it has of the output; None where that is not the
    same in each call."""


def with_outputs(frame: Frame, parts: Sequence[OutputParts]) -> Frame:
    """The frame with the statistics of outputs of all processes together.

    Where several have the same samples, their parts of an output make one, and each copy counts
    once.

    Args:
        frame: of this process.
        parts: what each process has told, this one first; one with other layers is left out.
    """
    own = parts[0]
    alike = [one for one in parts if one.layers == own.layers]
    if own.figures.shape[1] != len(frame.layers):
        return frame
    stack = np.stack([one.figures for one in alike])
    names = [layer.name for layer in frame.layers]
    shared = sharing(names, stack, [one.places for one in alike])
    if not shared.lost and (shared.counted.sum(0) < 2).all():
        return frame
    metrics, measured = dict(frame.metrics), dict(frame.measured)
    for place, name in enumerate(FIGURES, start=1):
        if name not in metrics:
            continue
        values = stack[:, place]
        known: BoolArray = ~np.isnan(values)
        counted = known & shared.counted
        weights = np.where(counted, stack[:, 0], 0.0)
        weights /= np.maximum(weights.sum(0), 1.0)
        present = np.where(counted, values, 0.0)
        if name in SHARES:
            merged = (weights * present).sum(0)
        elif name in SIZES:
            merged = np.sqrt((weights * present**2).sum(0))
        elif name == DEAD:
            merged = _dead_everywhere(values, names, alike)
        else:
            merged = np.sqrt((present**2).sum(0))
        if name in OF_GRADIENTS:
            merged /= shared.batches
        # What this process has not measured has its reason beside it.
        has_own = frame.is_measured(name) & known[0]
        merged = np.where(has_own, merged, metrics[name])
        if shared.lost:
            rows = list(shared.lost)
            merged[rows] = np.nan
            measured[name] = frame.is_measured(name).copy()
            measured[name][rows] = False
        metrics[name] = merged.astype(np.float32)
    reasons = {names[row]: why for row, why in shared.lost.items()} | dict(frame.reasons)
    return replace(frame, metrics=metrics, measured=measured, reasons=reasons)


def _dead_everywhere(
    values: Figures, names: Sequence[str], parts: Sequence[OutputParts]
) -> Figures:
    """The share of the units that are dead in all processes that have them.

    Args:
        values: [processes, layers]: the share of its units that is dead in each.
        names: of the layers.
        parts: what each process has told.
    """
    found: Figures = np.fmin.reduce(values, axis=0)
    for row in np.flatnonzero(np.fmax.reduce(values, axis=0) > 0).tolist():
        told = [(one.alive.get(names[row]), one.places.get(names[row])) for one in parts]
        found[row] = _dead_share(values[:, row], told, otherwise=found[row])
    return found


def _dead_share(
    dead: Figures, told: Sequence[tuple[Alive | None, Place | None]], *, otherwise: float
) -> float:
    """The share of the units of a layer that are dead wherever they are.

    Args:
        dead: the share in each process.
        told: which units are alive, of a process with dead ones, and which units it has.
        otherwise: given where processes have other numbers of units.
    """
    counts = {alive[0] for alive, place in told if alive is not None and place is None}
    counts |= {place.units for _, place in told if place is not None}
    if len(counts) != 1:
        return otherwise
    every: BoolArray = np.zeros(counts.pop(), np.bool_)
    for share, (alive, place) in zip(dead.tolist(), told, strict=True):
        start, count = (0, len(every)) if place is None else (place.start, place.own)
        own = every[start : start + count]
        if alive is not None:
            own |= np.unpackbits(np.frombuffer(bytes.fromhex(alive[1]), np.uint8), count=count) > 0
        else:
            # One without dead units tells of none.
            own |= share == 0
    return 1 - float(every.mean())
