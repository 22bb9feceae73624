"""Where the first NaN or infinity of a step arose."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from gradwidget.capture.collect.outputs import Output
from gradwidget.capture.stats.per_layer import Column
from gradwidget.frame import ROOT, Layer, NonfiniteOrigin


def find_origin(
    layers: Sequence[Layer],
    columns: dict[str, Column],
    outputs: Sequence[Output],
    loss: float | None,
    traced: NonfiniteOrigin | None = None,
    *,
    divided: Collection[str] = (),
) -> NonfiniteOrigin | None:
    """Follows a step in the order of its values: weights, inputs, outputs, loss, gradients.

    Args:
        layers: rows of the columns.
        columns: the metrics of the step.
        outputs: what the layers gave, in the order in which they ran; empty where none was
            measured.
        loss: None where none was found.
        traced: what the graph showed.
        divided: names of modules whose weights are layers by themselves.

    Returns:
        None where every value seen was finite.
    """
    if _is_clean(columns, outputs, loss):
        return None
    bad_weights = _first(layers, columns.get("weight_nonfinite"))
    if bad_weights is not None:
        return NonfiniteOrigin("weights", bad_weights)
    if traced is None or traced.phase == "unknown":
        return _followed(layers, columns, outputs, loss, traced)
    if outputs and divided:
        # Layers that are no modules are among them, whose outputs are rarely at hand.
        return traced
    found = _followed(layers, columns, outputs, loss, traced)
    if found is not None and (found.phase, found.layer) == (traced.phase, traced.layer):
        found = replace(found, operation=traced.operation)
    return found


def _followed(
    layers: Sequence[Layer],
    columns: dict[str, Column],
    outputs: Sequence[Output],
    loss: float | None,
    traced: NonfiniteOrigin | None,
) -> NonfiniteOrigin | None:
    if any(one.data_nonfinite is not None and one.data_nonfinite() > 0 for one in outputs):
        return NonfiniteOrigin("input")
    bad_output = next((one.layer for one in outputs if one.nonfinite() > 0), None)
    if bad_output is not None:
        return NonfiniteOrigin("forward", bad_output)
    if loss is not None and not np.isfinite(loss):
        # Without the outputs it may have been any of them.
        return NonfiniteOrigin("loss") if outputs else traced or NonfiniteOrigin("unknown")
    # As backward left them, where that is known: clipping by a norm spreads one NaN to all.
    raw = columns.get("raw_grad_norm")
    is_bad = [] if raw is None else _lost(raw)
    if not any(is_bad):
        is_bad = _flags(columns.get("grad_nonfinite"), len(layers))
    fed = [layer.name for layer, bad in zip(layers, is_bad, strict=True) if bad]
    arrived = sorted(
        (one for one in outputs if one.backward is not None), key=lambda one: one.arrival
    )
    # A module's own weight may be used long before the layers inside it that are lost as well.
    own = {name for name in fed if not any(_is_inside(other, name) for other in fed)}
    for one in arrived:
        norm = one.gradient()
        if one.layer in own or (norm is not None and not np.isfinite(norm)):
            return NonfiniteOrigin("backward", one.layer)
    return NonfiniteOrigin("backward", fed[-1]) if fed else None


def _is_inside(layer: str, module: str) -> bool:
    return layer != module and (module == ROOT or layer.startswith(f"{module}."))


def _is_clean(columns: dict[str, Column], outputs: Sequence[Output], loss: float | None) -> bool:
    """The quick answer for almost every step."""
    counts = (
        columns[name]
        for name in ("weight_nonfinite", "act_nonfinite", "grad_nonfinite")
        if name in columns
    )
    flowed = columns.get("act_grad_norm")
    return (
        (loss is None or math.isfinite(loss))
        and not any(np.nansum(column.values) > 0 for column in counts)
        and (flowed is None or bool(np.isfinite(flowed.values[flowed.measured]).all()))
        and not any(one.data_nonfinite is not None and one.data_nonfinite() > 0 for one in outputs)
    )


def _first(layers: Sequence[Layer], column: Column | None) -> str | None:
    flags = _flags(column, len(layers))
    return next((layer.name for layer, bad in zip(layers, flags, strict=True) if bad), None)


def _flags(column: Column | None, count: int) -> Sequence[bool]:
    return [False] * count if column is None else [bool(value > 0) for value in column.values]


def _lost(column: Column) -> Sequence[bool]:
    """Whether each value was measured and is not finite."""
    is_lost: list[bool] = (column.measured & ~np.isfinite(column.values)).tolist()
    return is_lost
