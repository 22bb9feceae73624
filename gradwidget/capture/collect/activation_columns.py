"""The metrics of a step's outputs and of their gradients, per layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwidget.capture import unmeasured
from gradwidget.capture.collect.outputs import Output
from gradwidget.capture.stats.measured_tensors import flags
from gradwidget.capture.stats.per_layer import Column, Numbers, PerLayer
from gradwidget.capture.stats.staging import gather
from gradwidget.frame import BoolArray, Layer


@np.errstate(all="ignore")
def activation_columns(
    outputs: Sequence[Output], layers: Sequence[Layer], scale: float, why: dict[str, str]
) -> dict[str, Column]:
    """The metrics of outputs. Only once the readback is ready.

    Args:
        outputs: in the order in which the layers ran.
        layers: rows of the columns.
        scale: what the loss was multiplied by.
        why: reasons why a layer is not measured, by its name; added to.
    """
    rows = {layer.name: row for row, layer in enumerate(layers)}
    notes = [note for note in outputs if note.layer in rows]
    if not notes:
        return {}
    layer_rows = np.array([rows[note.layer] for note in notes])
    per_layer = PerLayer(
        len(layers),
        np.arange(len(notes)),
        layer_rows,
        np.array([float(note.size) for note in notes]),
    )
    # A forward without a backward pass was an evaluation; where no gradient can flow every forward
    # counts.
    flowed = np.array([note.gradients or note.is_hidden for note in notes], np.int64)
    used = (flowed > 0) | (np.bincount(layer_rows, flowed, len(layers))[layer_rows] == 0)
    # Outputs that were measured, of layers that are in no doubt.
    seen = {number: note.forward for number, note in enumerate(notes) if note.forward.is_measured}
    statistics = np.zeros((5, len(notes)))
    if seen:
        statistics[:, list(seen)] = gather(list(seen.values()))
    certain = used & ~_doubted(notes, layer_rows, used, why)
    columns = per_layer.output_columns(statistics, certain)
    columns["act_dead_fraction"] = _dead_in_every_call(
        columns["act_dead_fraction"], notes, layer_rows, certain
    )
    columns["input_spread"] = _widest_spread(notes, layer_rows, used, len(layers))
    # Two backward passes through one output: the sum of their gradients is not known here. What of
    # a gradient could not be read is missing in the sum as well.
    came = {number: note.backward for number, note in enumerate(notes) if note.backward is not None}
    read = {number: slot for number, slot in came.items() if slot.is_measured}
    hidden = [number for number, note in enumerate(notes) if note.is_hidden]
    lost = flags([number for number in came if number not in read] + hidden, len(notes))
    unclear = np.bincount(layer_rows, (flowed > 1) | lost, len(layers))[layer_rows] > 0
    reached = flags(list(read), len(notes)) & used & ~unclear
    gradients = np.zeros((2, len(notes)))
    if read:
        gradients[:, list(read)] = gather(list(read.values()))
    columns |= per_layer.output_gradient_columns(gradients, used, reached, scale)
    return {name: column for name, column in columns.items() if column.measured.any()}


def _widest_spread(
    notes: Sequence[Output], layer_rows: Numbers, used: BoolArray, rows: int
) -> Column:
    """The spread of each layer's inputs over the batch: of several calls, the widest."""
    values = np.full(rows, np.nan)
    for number, note in enumerate(notes):
        if note.spread is not None and used[number]:
            row = layer_rows[number]
            values[row] = np.fmax(values[row], note.spread())
    return Column(values, ~np.isnan(values))


def _doubted(
    notes: Sequence[Output], layer_rows: Numbers, used: BoolArray, why: dict[str, str]
) -> BoolArray:
    """The outputs of layers with one that counts and is in doubt; adds the reasons."""
    doubted_rows = np.zeros(1 + int(layer_rows.max()), np.bool_)
    for number, note in enumerate(notes):
        if not used[number]:
            continue
        doubt = note.doubt
        if doubt is None and not note.forward.is_measured:
            doubt = unmeasured.output(unmeasured.NOT_READ)
        if doubt is not None:
            why.setdefault(note.layer, doubt)
            doubted_rows[layer_rows[number]] = True
    doubted: BoolArray = doubted_rows[layer_rows]
    return doubted


def _dead_in_every_call(
    dead: Column, notes: Sequence[Output], layer_rows: Numbers, used: BoolArray
) -> Column:
    """A unit of a layer that ran several times is dead if it was in every call.

    Where the calls differ in their number of units, it is not measured.
    """
    values, measured = dead.values.copy(), dead.measured.copy()
    for layer_row in np.flatnonzero(np.bincount(layer_rows, used, len(values)) > 1):
        alive = [
            notes[number].forward.units()
            for number in np.flatnonzero(used & (layer_rows == layer_row)).tolist()
        ]
        measured[layer_row] = len({len(call) for call in alive}) == 1
        values[layer_row] = 1 - np.max(alive, axis=0).mean() if measured[layer_row] else np.nan
    return Column(values, measured)
