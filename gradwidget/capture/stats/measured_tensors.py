"""Statistics of numbered tensors, of which one that cannot be read costs no other."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor, nn

from gradwidget.capture import unmeasured
from gradwidget.capture.guard import Guard
from gradwidget.capture.model.local_part import is_spread_alike, local_part
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.readback import Fetch, Values
from gradwidget.frame import BoolArray


@dataclass(frozen=True, slots=True)
class Reading:
    """Statistics of some tensors, on their way from the device."""

    numbers: list[int]
    fetch: Fetch
    """Float64 [statistics, numbers]."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """Why others could not be read, by number."""


def read(
    tensors: Mapping[int, Tensor], measure: Callable[[Sequence[Tensor]], Fetch], guard: Guard
) -> Reading:
    """Measures tensors: all together, or, where that fails, one by one.

    Args:
        tensors: by number.
        measure: gives float64 [statistics, tensors] of dense real tensors.
        guard: keeps as a problem what the kind of the tensor does not explain.
    """
    try:
        return Reading(list(tensors), measure([plain(one) for one in tensors.values()]))
    except Exception as error:  # noqa: BLE001  # which of them it was comes out next
        failure = unmeasured.failed(error), traceback.format_exc()
        reading = _read_one_by_one(tensors, measure, guard)
        if not reading.refused:
            guard.note("reading tensors together", *failure)
        return reading


def _read_one_by_one(
    tensors: Mapping[int, Tensor], measure: Callable[[Sequence[Tensor]], Fetch], guard: Guard
) -> Reading:
    fetches: dict[int, Fetch] = {}
    refused: dict[int, str] = {}
    for number, one in tensors.items():
        why = unreadable(one)
        if why is not None:
            refused[number] = why
            continue
        try:
            fetches[number] = measure([plain(one)])
        except Exception as error:  # noqa: BLE001  # given as the reason for this one alone
            refused[number] = unmeasured.failed(error)
            guard.note("reading a tensor", refused[number], traceback.format_exc())
    return Reading(
        list(fetches),
        lambda: np.concatenate([fetch() for fetch in fetches.values()], axis=-1),
        refused,
    )


def joined(readings: Sequence[Reading], height: int, count: int) -> tuple[Values, BoolArray]:
    """The statistics [height, count] of all readings, and which parameters were read."""
    statistics = np.zeros((height, count))
    read_ones = np.zeros(count, np.bool_)
    for reading in readings:
        if reading.numbers:
            statistics[:, reading.numbers] = reading.fetch()
            read_ones[reading.numbers] = True
    return statistics, read_ones


def refused_in(readings: Sequence[Reading]) -> dict[int, str]:
    """Why tensors could not be read, by number, of all readings."""
    return {number: why for reading in readings for number, why in reading.refused.items()}


def divided(reading: Reading, rows: Sequence[int], by: Fetch) -> Reading:
    """The same with some of its statistics divided by a number that is on its way as well."""

    def fetch() -> Values:
        statistics = reading.fetch().copy()
        statistics[list(rows)] /= float(by())
        return statistics

    return replace(reading, fetch=fetch)


def flags(numbers: Sequence[int], count: int) -> BoolArray:
    """Bool array [count] that is True at ``numbers``."""
    result = np.zeros(count, np.bool_)
    result[list(numbers)] = True
    return result


def gradients_of(
    parameters: Sequence[nn.Parameter | None],
    numbers: Iterable[int],
    taken: Mapping[int, Tensor] | None,
) -> dict[int, Tensor]:
    """The gradients that there are, by the number of their parameter; of sharded ones the part."""
    if taken is not None:
        return {
            number: _own(taken[number], one)
            for number in numbers
            if (one := parameters[number]) is not None and number in taken
        }
    return {
        # As nearly all are: asked here, as it is asked for every parameter.
        number: gradient if type(gradient) is Tensor else _own(gradient, one)
        for number in numbers
        if (one := parameters[number]) is not None and (gradient := one.grad) is not None
    }


def _own(gradient: Tensor, parameter: nn.Parameter) -> Tensor:
    # One that is spread otherwise is refused: its part is not that of the parameter.
    if type(gradient) is Tensor or not is_spread_alike(gradient, parameter):
        return gradient
    return local_part(gradient)
