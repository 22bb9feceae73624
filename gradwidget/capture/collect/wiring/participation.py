"""Which layers take part in the training: whether they ran, and whether an optimizer holds them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.stats.per_layer import Column
from gradwidget.frame import Layer


def participation(
    layers: Sequence[Layer],
    table: LayerTable,
    ran: Collection[str],
    moved: Collection[int],
    optimized: AbstractSet[int] | None,
) -> dict[str, Column]:
    """The metrics ``has_run`` and ``optimized_fraction``, where they can be known of any layer.

    Args:
        layers: rows of the columns.
        table: the layers.
        ran: the layers that were seen to run; none where the model was not seen to.
        moved: numbers of the parameters that have a gradient.
        optimized: numbers of those that an optimizer holds which has stepped; None where none has.
    """

    def has_run(layer: Layer) -> float:
        if layer.name in ran:
            return 1.0
        # Parameters are also used without a call of their layer, which only a gradient shows.
        numbers = table.numbers_of(layer.name).values()
        is_known = ran and moved and layer.trainable and layer.name not in table.unread
        return 0.0 if is_known and not any(number in moved for number in numbers) else np.nan

    trainable = table.trainable()

    def optimized_fraction(layer: Layer) -> float:
        if optimized is None or layer.name in table.unread:
            return np.nan
        own = trainable.intersection(table.numbers_of(layer.name).values())
        return len(own & optimized) / len(own) if own else np.nan

    columns = {
        "has_run": _column(has_run, layers),
        "optimized_fraction": _column(optimized_fraction, layers),
    }
    return {name: column for name, column in columns.items() if column.measured.any()}


def _column(value: Callable[[Layer], float], layers: Iterable[Layer]) -> Column:
    values = np.array([value(layer) for layer in layers])
    return Column(values, ~np.isnan(values))
