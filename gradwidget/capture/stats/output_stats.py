"""Statistics of layers' outputs and of the gradients that come back to them."""

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
    memory_order,
    norm_of_squares,
    pieces,
    row_norms,
    sum_of_squares,
    vector_norm,
)
from gradwidget.capture.stats.readback import Fetch, Readback, Values
from gradwidget.capture.stats.scratch import nonzero
from gradwidget.capture.stats.tensor_stats import nonzero_in_rows
from gradwidget.frame import BoolArray

NORM, NONZERO, NONFINITE, ALIVE, SATURATED = range(5)
"""Statistics of an output; of a gradient the first two.

``ALIVE`` is the share of units that were ever other than 0, ``SATURATED`` that of saturated
entries, NaN where nothing saturates."""


def output_statistics(
    rows: Tensor, readback: Readback, *, units: int, nonlinearity: Nonlinearity | None
) -> tuple[Fetch, Fetch]:
    """Statistics of outputs of one shape, after their activation function.

    Args:
        rows: outputs [rows, ...].
        readback: brings the statistics.
        units: dimension of the units in one output, from its end (-1 is the last).
        nonlinearity: is applied to the outputs first; None for nothing.

    Returns:
        Float64 [5, rows], and float64 [rows, units]: 1 for units that were ever other than 0.
    """
    if not rows.is_cpu:
        return _on_device(rows, units, nonlinearity, readback)
    if rows[0].numel() > ALONE:
        statistics, alive = _of_large(rows[0], units, nonlinearity)
    else:
        statistics, alive = _on_host(rows, units, nonlinearity)
    return lambda: statistics, lambda: alive


def gradient_statistics(rows: Tensor, readback: Readback) -> tuple[Fetch, Fetch]:
    """Statistics of gradients of one shape [rows, ...].

    Returns:
        Float64 [2, rows], and an empty array [rows, 0] in the place of units.
    """
    if not rows.is_cpu:
        flat = rows.flatten(1)
        wide = accumulator(rows)
        kinds = [vector_norm(flat, dim=1, dtype=wide), torch.count_nonzero(flat, dim=1).to(wide)]
        return readback.add(torch.stack(kinds)), readback.add(flat[:, :0])
    if rows[0].numel() > ALONE:
        squares, count = 0.0, 0
        for piece in pieces(rows[0]):
            squares += sum_of_squares(piece)
            count += int(np.count_nonzero(nonzero(piece.numpy())))
        statistics = np.array([[norm_of_squares(squares, rows, pieces(rows[0]))], [count]])
    else:
        flat = at_least_single(rows.flatten(1))
        statistics = np.stack([row_norms(flat), nonzero_in_rows(nonzero(flat.numpy()))])
    return lambda: statistics, lambda: statistics[:, :0]


def _on_host(rows: Tensor, units: int, nonlinearity: Nonlinearity | None) -> tuple[Values, Values]:
    rows = at_least_single(rows)
    if nonlinearity is not None:
        rows = nonlinearity.apply(rows)
    count, flat = len(rows), rows.reshape(len(rows), -1)
    size, many = flat.shape[1], rows.shape[units] if rows.dim() > 1 else 1
    statistics = np.full((5, count), np.nan)
    statistics[NORM] = row_norms(flat)
    values = flat.numpy()
    is_nonzero = nonzero(values)
    statistics[NONZERO] = nonzero_in_rows(is_nonzero)
    statistics[NONFINITE] = 0
    if not math.isfinite(sum(statistics[NORM].tolist())):
        for number in np.flatnonzero(~np.isfinite(statistics[NORM])):
            statistics[NONFINITE, number] = np.count_nonzero(~np.isfinite(values[number]))
    # A dead unit has a zero in each of its entries: with fewer zeros than that, all are alive.
    alive = np.ones((count, many))
    doubtful = size - statistics[NONZERO] >= size // many
    if doubtful.any():
        alive[doubtful] = _alive(is_nonzero[doubtful], rows.shape[1:], units)
    statistics[ALIVE] = alive.mean(1)
    if nonlinearity is not None and nonlinearity.saturated is not None:
        statistics[SATURATED] = _shares(nonlinearity.saturated(rows)).numpy()
    return statistics, alive


def _shares(flags: Tensor) -> Tensor:
    """The share of each row that is set: a softmax over a row without a batch sets one of it."""
    return flags.reshape(len(flags), -1).float().mean(1)


def _of_large(
    output: Tensor, units: int, nonlinearity: Nonlinearity | None
) -> tuple[Values, Values]:
    """The same of one output, part by part: a part stays in the cache between its statistics."""
    if nonlinearity is None or nonlinearity.pointwise:
        # In the order of memory it is read without a copy.
        order = memory_order(output)
        units = order.index(output.dim() + units) - output.dim()
        output = output.permute(order)
    many = output.shape[units]
    squares = 0.0
    saturated: list[tuple[float, int]] = []
    count = 0
    alive: BoolArray = np.zeros(many, np.bool_)
    are_alive = False
    for part in _parts(output, units, nonlinearity):
        flat = part.reshape(-1)
        squares += sum([sum_of_squares(piece) for piece in pieces(flat)])
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
        if nonlinearity is not None and nonlinearity.saturated is not None:
            flags = nonlinearity.saturated(part[None])
            saturated.append((float(flags.sum().numpy()), flags.numel()))
    norm = norm_of_squares(squares, output, _parts(output, units, nonlinearity))
    # Entries that are not finite show in the norm: only then are they counted.
    odd = 0 if math.isfinite(norm) else _nonfinite(_parts(output, units, nonlinearity))
    share = 1.0 if are_alive else np.count_nonzero(alive) / many
    among = sum(size for _, size in saturated)
    stuck = sum(found for found, _ in saturated) / among if saturated else math.nan
    statistics = np.array([[norm], [count], [odd], [share], [stuck]], np.float64)
    return statistics, np.ones((1, many)) if are_alive else alive[None].astype(np.float64)


def _nonfinite(parts: Iterator[Tensor]) -> int:
    """How many entries are NaN or infinite."""
    return sum([int(np.count_nonzero(~np.isfinite(part.numpy()))) for part in parts])


def _parts(output: Tensor, units: int, nonlinearity: Nonlinearity | None) -> Iterator[Tensor]:
    """An output after its activation function, in float32 or float64, in parts of all units."""
    splits = (nonlinearity is None or nonlinearity.pointwise) and output.dim() + units > 0
    rows = max(1, PIECE * len(output) // output.numel()) if splits else len(output)
    for part in output.split(rows) if rows < len(output) else (output,):
        values = at_least_single(part)
        yield values if nonlinearity is None else nonlinearity.apply(values[None])[0]


def _alive(is_nonzero: BoolArray, shape: torch.Size, units: int) -> BoolArray:
    """Which units are other than 0 anywhere.

    Args:
        is_nonzero: which entries are [rows, entries].
        shape: of one output.
        units: dimension of the units, from its end.

    Returns:
        Bool [rows, units].
    """
    many = shape[units]
    inner = math.prod(shape[len(shape) + units + 1 :])
    found: BoolArray = np.any(is_nonzero.reshape(len(is_nonzero), -1, many, inner), axis=(1, 3))
    return found


def _on_device(
    rows: Tensor, units: int, nonlinearity: Nonlinearity | None, readback: Readback
) -> tuple[Fetch, Fetch]:
    if nonlinearity is not None:
        rows = nonlinearity.apply(rows)
    flat = rows.flatten(1)
    wide = accumulator(rows)
    never: Tensor = torch.full((len(rows),), float("nan"), dtype=wide, device=rows.device)
    saturates = nonlinearity.saturated if nonlinearity is not None else None
    others = [dim for dim in range(1, rows.dim()) if dim != rows.dim() + units]
    alive = ((rows != 0).any(dim=others) if others else rows != 0).reshape(len(rows), -1)
    kinds = [
        vector_norm(flat, dim=1, dtype=wide),
        torch.count_nonzero(flat, dim=1).to(wide),
        (flat.shape[1] - torch.isfinite(flat).sum(1)).to(wide),
        alive.to(wide).mean(1),
        never if saturates is None else _shares(saturates(rows)).to(wide),
    ]
    return readback.add(torch.stack(kinds)), readback.add(alive)
