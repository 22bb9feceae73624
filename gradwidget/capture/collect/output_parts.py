"""What one process has measured of outputs, to be told the others of its training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np

from gradwidget.capture.collect.outputs import Output
from gradwidget.capture.model.output_place import Place
from gradwidget.capture.processes.merged_outputs import DEAD, FIGURES, OutputParts
from gradwidget.frame import Frame


def output_parts(frame: Frame, outputs: Iterable[Output]) -> OutputParts:
    """What this process has measured.

    Args:
        frame: with the statistics of this process alone.
        outputs: of its step. Their readback is ready.
    """
    of_layers: dict[str, list[Output]] = {}
    for one in outputs:
        of_layers.setdefault(one.layer, []).append(one)
    # A forward without a backward pass was an evaluation, where a gradient can flow.
    used = {
        name: [one for one in notes if one.gradients or one.is_hidden] or notes
        for name, notes in of_layers.items()
    }
    figures = np.full((1 + len(FIGURES), len(frame.layers)), np.nan)
    for row, layer in enumerate(frame.layers):
        figures[0, row] = sum(one.size for one in used.get(layer.name, ()))
    for place, name in enumerate(FIGURES, start=1):
        if name in frame.metrics:
            are_measured = frame.is_measured(name)
            figures[place, are_measured] = frame.metrics[name][are_measured]
    dead = figures[1 + FIGURES.index(DEAD)]
    names = [layer.name for layer in frame.layers]
    alive = {names[row]: _alive(used[names[row]]) for row in np.flatnonzero(dead > 0).tolist()}
    places = {
        name: _place(notes) for name, notes in used.items() if any(one.place for one in notes)
    }
    return OutputParts(crc32("\n".join(names).encode()), figures, alive, places)


def _place(outputs: Sequence[Output]) -> Place | None:
    """Which part of them this process has; None where its calls differ in that."""
    found = {one.place for one in outputs}
    return found.pop() if len(found) == 1 else None


def _alive(outputs: Sequence[Output]) -> tuple[int, str]:
    """How many units there are, and which were ever other than 0."""
    units = np.max([one.forward.units() for one in outputs], axis=0)
    return len(units), np.packbits(units > 0).tobytes().hex()
