"""The overview of a history as messages: one for all columns, then one for each metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradwidget.frame import Layer
from gradwidget.metrics import METRICS
from gradwidget.record.capacity import COARSE, START
from gradwidget.record.losses import COLUMNS
from gradwidget.record.overview import LossColumns, Overview, Summaries
from gradwidget.run.format.arrays import packed, packed_flags, unpacked, unpacked_flags
from gradwidget.run.format.encode import Data
from gradwidget.run.format.fields import Fields, UnreadableError, listing, mapping, text, whole
from gradwidget.run.format.limits import LONGEST_NAME, MOST_SCALARS, MOST_STEP


def overview_messages(overview: Overview, layers: int) -> Iterator[tuple[str, Data]]:
    """Topic and content of each message; ``layers`` is the number of the layers."""
    known = {
        name: summaries
        for name, summaries in overview.metrics.items()
        if summaries.measured.any() or len(summaries.start)
    }
    losses = overview.losses
    yield (
        "overview",
        {
            "layers": layers,
            "first_step": overview.first_step,
            "since": overview.since,
            "next_step": overview.next_step,
            "stride": overview.stride,
            "steps": packed(overview.steps, "<i8"),
            "frames": packed(overview.frames, "<i8"),
            "metrics": list(known),
            "scalars": [
                {"name": name, **_summaries(summaries, "<f8")}
                for name, summaries in overview.scalars.items()
            ],
            "skipped": _summaries(overview.skipped, "<f4"),
            "losses": {
                "steps": packed(losses.steps, "<i8"),
                "means": packed(losses.means, "<f8"),
                "firsts": packed(losses.firsts, "<i8"),
                "version": losses.version,
                "last_step": max(0, losses.last_step),
                "longest": losses.longest,
            },
        },
    )
    for name, summaries in known.items():
        yield "overview_metric", {"name": name, **_summaries(summaries, "<f4")}


def _summaries(given: Summaries, kind: str) -> Data:
    return {
        "low": packed(given.low.ravel(), kind),
        "mean": packed(given.mean.ravel(), kind),
        "high": packed(given.high.ravel(), kind),
        "measured": packed_flags(given.measured.ravel()),
        "start": packed(given.start.ravel(), kind),
    }


class OverviewParts:
    """Collects the messages of one overview.

    Args:
        data: the first one.
        layers: the layers that it refers to.

    Raises:
        ValueError: it does not hold what it should.
        KeyError: something is missing.
    """

    def __init__(self, data: Fields, layers: tuple[Layer, ...]) -> None:
        self._data = data
        self._layers = layers
        self._steps = _rising(unpacked(data["steps"], "<i8"))
        self._frames = unpacked(data["frames"], "<i8", len(self._steps))
        if not 0 < len(self._steps) <= COARSE or not ((self._frames > 0).all()):
            message = "columns that cannot be"
            raise UnreadableError(message)
        if int(self._frames.max()) > MOST_STEP // COARSE:
            message = "columns of more frames than there can be"
            raise UnreadableError(message)
        self._awaited = listing(data["metrics"], text, len(METRICS))
        self._metrics: dict[str, Summaries] = {}

    @property
    def is_whole(self) -> bool:
        """Whether all metrics have come."""
        return self._metrics.keys() == set(self._awaited)

    def add(self, data: Fields) -> None:
        """Adds the message of a metric.

        Raises:
            ValueError: it does not hold what it should.
            KeyError: something is missing.
        """
        name = text(data["name"])
        if name in METRICS:
            self._metrics[name] = self._read(data, "<f4", len(self._layers))
        else:  # of a later version
            self._awaited = tuple(one for one in self._awaited if one != name)

    def overview(self) -> Overview:
        """All of it.

        Raises:
            ValueError: it does not hold what it should.
            KeyError: something is missing.
        """
        data = self._data
        scalars = dict(listing(data["scalars"], self._scalar, MOST_SCALARS))
        stride, next_step = whole(data["stride"]), whole(data["next_step"])
        if stride.bit_count() != 1 or next_step <= self._steps[-1]:
            message = "an overview that cannot be"
            raise UnreadableError(message)
        return Overview(
            self._layers,
            whole(data["first_step"]),
            whole(data["since"]),
            next_step,
            stride,
            self._steps,
            self._frames,
            self._metrics,
            scalars,
            self._read(mapping(data["skipped"]), "<f4", 1),
            _losses(mapping(data["losses"])),
        )

    def _scalar(self, value: object) -> tuple[str, Summaries]:
        data = mapping(value)
        return text(data["name"], LONGEST_NAME), self._read(data, "<f8", 1)

    def _read(self, data: Mapping[str, object], kind: str, width: int) -> Summaries:
        shape = (len(self._steps), width)
        low, mean, high = (
            unpacked(data[part], kind, shape[0] * width).reshape(shape)
            for part in ("low", "mean", "high")
        )
        start = unpacked(data["start"], kind)
        if len(start) % max(1, width) or len(start) > START * width:
            message = f"{len(start)} values of the first frames"
            raise UnreadableError(message)
        measured = unpacked_flags(data["measured"], shape[0] * width).reshape(shape)
        return Summaries(low, mean, high, measured, start.reshape(-1, max(1, width)))


def _losses(data: Fields) -> LossColumns:
    steps, firsts = (_rising(unpacked(data[name], "<i8")) for name in ("steps", "firsts"))
    means = unpacked(data["means"], "<f8", len(steps))
    version, last_step, longest = (
        whole(data[name]) for name in ("version", "last_step", "longest")
    )
    is_sound = len(firsts) == len(steps) <= COLUMNS and version >= len(steps)
    if len(steps):
        is_sound &= firsts[-1] < version and last_step >= steps[-1]
    if not is_sound or longest.bit_count() != 1:
        message = "losses that cannot be"
        raise UnreadableError(message)
    return LossColumns(steps, means, firsts, version, last_step if len(steps) else -1, longest)


def _rising(numbers: NDArray[Any]) -> NDArray[np.int64]:
    if len(numbers) and (
        numbers[0] < 0 or numbers[-1] > MOST_STEP or (np.diff(numbers) <= 0).any()
    ):
        message = "numbers that do not rise"
        raise UnreadableError(message)
    return numbers
