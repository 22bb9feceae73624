"""The figures of layers' outputs and of the gradients that come back to them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.meter import nonzero_in_rows
from gradwidget.capture.nonlinearity import Nonlinearity
from gradwidget.capture.norms import PIECE, accumulator, at_least_single, large_norm, pieces, row_norms, vector_norm
from gradwidget.capture.readback import Fetch, Figures, Readback

PART = 4 * PIECE
"""Entries of a large output that are worked on at a time."""

NORM, NONZERO, NONFINITE, ALIVE, SATURATED = range(5)
"""Figures of an output; of a gradient the first two. ``ALIVE`` is the share of units that were ever other than 0,
``SATURATED`` that of saturated entries, NaN where nothing saturates."""


def output_figures(
    rows: Tensor, readback: Readback, *, units: int, follower: Nonlinearity | None
) -> tuple[Fetch, Fetch]:
    """Figures of alike outputs as they are after the nonlinearity that follows them.

    Args:
        rows: outputs [rows, ...].
        readback: brings the figures.
        units: dimension of the units in one output, from its end (-1 is the last).
        follower: what is yet to be done to the outputs; None for nothing.

    Returns:
        Float64 [5, rows], and float64 [rows, units]: 1 for units that were ever other than 0.
    """
    if not rows.is_cpu:
        return _on_device(rows, units, follower, readback)
    if rows[0].numel() > PART and (follower is None or follower.pointwise) and rows.dim() + units > 1:
        many = max(1, PART * rows.shape[1] // rows[0].numel())
        parts = rows.split(many, 1)
        figures, alive = _joined([_on_host(part, units, follower) for part in parts], [part.shape[1] for part in parts])
    else:
        figures, alive = _on_host(rows, units, follower)
    return lambda: figures, lambda: alive


def gradient_figures(rows: Tensor, readback: Readback) -> tuple[Fetch, Fetch]:
    """Figures of alike gradients [rows, ...]: float64 [2, rows], and nothing about units."""
    if not rows.is_cpu:
        flat = rows.flatten(1)
        wide = accumulator(rows)
        kinds = [vector_norm(flat, dim=1, dtype=wide), torch.count_nonzero(flat, dim=1).to(wide)]
        return readback.add(torch.stack(kinds)), readback.add(flat[:, :0])
    if rows[0].numel() > PART:
        nonzero = sum(np.count_nonzero(piece.numpy() != 0) for piece in pieces(rows[0]))
        figures = np.array([[large_norm(rows[0])], [nonzero]])
    else:
        flat = at_least_single(rows.flatten(1))
        figures = np.stack([row_norms(flat), nonzero_in_rows(flat.numpy() != 0)])
    return lambda: figures, lambda: figures[:, :0]


def _on_host(rows: Tensor, units: int, follower: Nonlinearity | None) -> tuple[Figures, Figures]:
    rows = at_least_single(rows)
    if follower is not None:
        rows = follower.apply(rows)
    count, flat = len(rows), rows.reshape(len(rows), -1)
    size, many = flat.shape[1], rows.shape[units] if rows.dim() > 1 else 1
    figures = np.full((5, count), np.nan)
    figures[NORM] = row_norms(flat)
    values = flat.numpy()
    is_nonzero = values != 0
    figures[NONZERO] = nonzero_in_rows(is_nonzero)
    figures[NONFINITE] = 0
    if not math.isfinite(sum(figures[NORM].tolist())):
        for number in np.flatnonzero(~np.isfinite(figures[NORM])):
            figures[NONFINITE, number] = np.count_nonzero(~np.isfinite(values[number]))
    alive = np.ones((count, many))
    # A unit that never activates brings a zero an entry: fewer zeros than that, and every unit is alive.
    doubtful = size - figures[NONZERO] >= size // many
    if doubtful.any():
        inner = int(np.prod(rows.shape[rows.dim() + units + 1 :], dtype=np.intp))
        alive[doubtful] = is_nonzero[doubtful].reshape(-1, size // many // inner, many, inner).any(axis=(1, 3))
    figures[ALIVE] = alive.mean(1)
    if follower is not None and follower.saturated is not None:
        figures[SATURATED] = follower.saturated(rows).flatten(1).float().mean(1).numpy()
    return figures, alive


def _joined(parts: list[tuple[Figures, Figures]], lengths: list[int]) -> tuple[Figures, Figures]:
    """Figures of outputs from those of their parts, of which the last may be shorter."""
    figures = np.stack([figures for figures, _ in parts])
    alive = np.stack([alive for _, alive in parts]).max(0)
    whole = figures.sum(0)
    whole[NORM] = np.sqrt((figures[:, NORM] ** 2).sum(0))
    whole[SATURATED] = np.average(figures[:, SATURATED], axis=0, weights=lengths)
    whole[ALIVE] = alive.mean(1)
    return whole, alive


def _on_device(rows: Tensor, units: int, follower: Nonlinearity | None, readback: Readback) -> tuple[Fetch, Fetch]:
    if follower is not None:
        rows = follower.apply(rows)
    flat = rows.flatten(1)
    wide = accumulator(rows)
    never: Tensor = torch.full((len(rows),), float("nan"), dtype=wide, device=rows.device)
    saturates = follower.saturated if follower is not None else None
    others = [dim for dim in range(1, rows.dim()) if dim != rows.dim() + units]
    alive = ((rows != 0).any(dim=others) if others else rows != 0).reshape(len(rows), -1)
    kinds = [
        vector_norm(flat, dim=1, dtype=wide),
        torch.count_nonzero(flat, dim=1).to(wide),
        (flat.shape[1] - torch.isfinite(flat).sum(1)).to(wide),
        alive.to(wide).mean(1),
        never if saturates is None else saturates(rows).flatten(1).to(wide).mean(1),
    ]
    return readback.add(torch.stack(kinds)), readback.add(alive)
