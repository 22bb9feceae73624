"""The figures of layers' outputs and of the gradients that come back to them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.model.nonlinearity import Nonlinearity
from gradwidget.capture.stats.norms import (
    ALONE,
    PIECE,
    accumulator,
    at_least_single,
    norm_of_squares,
    pieces,
    row_norms,
    sums_of_squares,
    vector_norm,
)
from gradwidget.capture.stats.readback import Fetch, Figures, Readback
from gradwidget.capture.stats.scratch import nonzero
from gradwidget.capture.stats.tensor_stats import nonzero_in_rows
from gradwidget.frame import BoolArray

NORM, NONZERO, NONFINITE, ALIVE, SATURATED = range(5)
"""Figures of an output; of a gradient the first two. ``ALIVE`` is the share of units that were ever
other than 0, ``SATURATED`` that of saturated entries, NaN where nothing saturates."""


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
    if rows[0].numel() > ALONE:
        figures, alive = _of_large(rows[0], units, follower)
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
    if rows[0].numel() > ALONE:
        squares: list[Tensor] = []
        count = 0
        for piece in pieces(rows[0]):
            squares += sums_of_squares(piece)
            count += int(np.count_nonzero(nonzero(piece.numpy())))
        figures = np.array([[norm_of_squares(squares, rows[0].numel(), pieces(rows[0]))], [count]])
    else:
        flat = at_least_single(rows.flatten(1))
        figures = np.stack([row_norms(flat), nonzero_in_rows(nonzero(flat.numpy()))])
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
    is_nonzero = nonzero(values)
    figures[NONZERO] = nonzero_in_rows(is_nonzero)
    figures[NONFINITE] = 0
    if not math.isfinite(sum(figures[NORM].tolist())):
        for number in np.flatnonzero(~np.isfinite(figures[NORM])):
            figures[NONFINITE, number] = np.count_nonzero(~np.isfinite(values[number]))
    alive = np.ones((count, many))
    # A unit that never activates brings a zero an entry: fewer zeros than that, and every unit is
    # alive.
    doubtful = size - figures[NONZERO] >= size // many
    if doubtful.any():
        alive[doubtful] = _alive(is_nonzero[doubtful], rows.shape[1:], units)
    figures[ALIVE] = alive.mean(1)
    if follower is not None and follower.saturated is not None:
        figures[SATURATED] = follower.saturated(rows).flatten(1).float().mean(1).numpy()
    return figures, alive


def _of_large(output: Tensor, units: int, follower: Nonlinearity | None) -> tuple[Figures, Figures]:
    """The same of one output, part by part: a part stays in the cache from one figure to the next."""
    output, units = _as_laid_out(output, units, follower)
    many = output.shape[units]
    squares: list[Tensor] = []
    saturated: list[tuple[float, int]] = []
    count = 0
    alive: BoolArray = np.zeros(many, np.bool_)
    are_alive = False
    for part in _parts(output, units, follower):
        flat = part.reshape(-1)
        squares += [square for piece in pieces(flat) for square in sums_of_squares(piece)]
        is_nonzero = nonzero(flat.numpy())
        found = int(np.count_nonzero(is_nonzero))
        count += found
        if not are_alive:
            # As above: with fewer zeros than one unit has entries, none is dead.
            if flat.numel() - found >= flat.numel() // many:
                alive |= _alive(is_nonzero[None], part.shape, units)[0]
                are_alive = np.count_nonzero(alive) == many
            else:
                are_alive = True
        if follower is not None and follower.saturated is not None:
            flags = follower.saturated(part[None])
            saturated.append((float(flags.sum().numpy()), flags.numel()))
    norm = norm_of_squares(squares, output.numel(), _parts(output, units, follower))
    odd = 0
    if not math.isfinite(norm):
        odd = sum(
            [
                int(np.count_nonzero(~np.isfinite(part.numpy())))
                for part in _parts(output, units, follower)
            ]
        )
    share = 1.0 if are_alive else np.count_nonzero(alive) / many
    stuck = (
        sum(found for found, _ in saturated) / sum(among for _, among in saturated)
        if saturated
        else math.nan
    )
    figures = np.array([[norm], [count], [odd], [share], [stuck]], np.float64)
    return figures, np.ones((1, many)) if are_alive else alive[None].astype(np.float64)


def _as_laid_out(output: Tensor, units: int, follower: Nonlinearity | None) -> tuple[Tensor, int]:
    """The output with its dimensions in the order of its memory, which is read without a copy, and
    its units then.
    """
    if output.is_contiguous() or not (follower is None or follower.pointwise):
        return output, units
    outermost_first = sorted(range(output.dim()), key=output.stride, reverse=True)
    return output.permute(outermost_first), outermost_first.index(
        output.dim() + units
    ) - output.dim()


def _parts(output: Tensor, units: int, follower: Nonlinearity | None) -> Iterator[Tensor]:
    """An output after its nonlinearity, in float32 or float64, in parts that hold all units."""
    splits = (follower is None or follower.pointwise) and output.dim() + units > 0
    rows = max(1, PIECE * len(output) // output.numel()) if splits else len(output)
    for part in output.split(rows) if rows < len(output) else (output,):
        values = at_least_single(part)
        yield values if follower is None else follower.apply(values[None])[0]


def _alive(is_nonzero: BoolArray, shape: torch.Size, units: int) -> BoolArray:
    """Which units [rows, units] of outputs of this shape are other than 0 anywhere, of flags [rows,
    entries].
    """
    many = shape[units]
    inner = math.prod(shape[len(shape) + units + 1 :])
    found: BoolArray = np.any(is_nonzero.reshape(len(is_nonzero), -1, many, inner), axis=(1, 3))
    return found


def _on_device(
    rows: Tensor, units: int, follower: Nonlinearity | None, readback: Readback
) -> tuple[Fetch, Fetch]:
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
