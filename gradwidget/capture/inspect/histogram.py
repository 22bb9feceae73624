"""Histograms of tensors and their greatest entries, whatever their size and format.

Nothing of a tensor is kept.

No random number is drawn and nothing is written to a tensor. Large tensors are read in runs, so
that little memory is needed besides; what counts exactly (zeros, entries that are not finite,
extremes) is read of all entries, bins of a regular sample of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradwidget.capture import unmeasured
from gradwidget.capture.model.local_part import is_spread, local_part
from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.torch_private import without_subclass
from gradwidget.frame import Entry, Histogram

Axis = Literal["linear", "log"]
"""How bins are arranged: of one width, or as parts of a power of ten on both sides of 0."""

LIMIT = 1 << 16
"""Entries that are sorted into bins at most."""
RUN = 1 << 20
"""Entries that are read at a time."""
WORST = 5
"""Greatest entries that are named."""
BINS = 40
"""Bins of one width; one more where they lie around 0, so that the middle one has it."""
DECADES = 6
"""Powers of ten below the greatest entry that a log axis resolves; smaller entries are near 0."""
A_DECADE = 2
"""Bins in a power of ten."""

PART = "of a sharded layer this process's part"

LARGEST = float(np.finfo(np.float64).max)


def has_no_histogram(tensor: Tensor) -> str | None:
    """Why there is no histogram of a tensor, in a sentence; None where there can be one."""
    reason = unreadable(tensor)
    if reason is not None:
        return reason
    if tensor.layout is not torch.strided:
        return unmeasured.layout(str(tensor.layout).removeprefix("torch."))
    if tensor.is_complex():
        return unmeasured.COMPLEX
    return None if tensor.numel() else unmeasured.EMPTY


def histogram_of(
    tensors: Mapping[str, Tensor],
    *,
    step: int | None,
    axis: Axis,
    divisor: float = 1.0,
    through: Callable[[Tensor], Tensor] | None = None,
    note: str = "",
    names_worst: bool = False,
) -> tuple[Histogram, tuple[Entry, ...]] | str:
    """The histogram over all entries of some tensors, and the greatest of them.

    Of a sharded tensor it is of the part that this process holds: ``note`` says so, and places of
    entries are those in that part.

    Args:
        tensors: by name; those that cannot be read are left out, and ``note`` of the result says
            so.
        step: which step they belong to; None before the first.
        axis: how the bins are arranged.
        divisor: what the entries are divided by, as a loss scale.
        through: an elementwise function that the entries go through first.
        note: what a reader has to know besides.
        names_worst: whether the greatest entries are wanted, which cost more than the histogram.

    Returns:
        Why there is nothing, in a sentence, where none of the tensors can be read.

    Example:
        >>> weight = torch.tensor([[0.0, -2.0]])
        >>> found, worst = histogram_of(
        ...     {"weight": weight}, step=3, axis="linear", names_worst=True
        ... )
        >>> found.zeros, found.low, int(found.counts.sum()), worst[0]
        (1, -2.0, 2, Entry(parameter='weight', index=(0, 1), value=-2.0))
    """
    readable, refused, has_parts = _readable(tensors)
    if not readable:
        return " ".join(dict.fromkeys(refused.values())) or unmeasured.NOTHING
    total = sum(tensor.numel() for tensor in readable.values())
    found = _Reading(_prime_from(math.ceil(total / LIMIT)), names_worst)
    _read(readable, through, found)
    sample = np.concatenate(found.sample) / divisor
    low, high = (
        value / divisor if math.isfinite(value) else math.nan for value in (found.low, found.high)
    )
    finite = sample[np.isfinite(sample)]
    edges = edges_for(low, high, axis)
    counts, _ = np.histogram(finite, edges)
    missing = [f"not of {name}: {reason}" for name, reason in refused.items()]
    histogram = Histogram(
        step,
        axis,
        edges,
        counts.astype(np.int64),
        len(sample),
        total,
        found.zeros,
        found.nans,
        found.infinities,
        low,
        high,
        " · ".join([*([note] if note else []), *([PART] if has_parts else []), *missing]),
    )
    worst = tuple(
        Entry(entry.parameter, entry.index, entry.value / divisor)
        for entry in found.worst
        if entry.value
    )
    return histogram, worst


def _readable(
    tensors: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], dict[str, str], bool]:
    """What can be read by name, why the rest cannot, and whether some are parts of a tensor."""
    held = {name: local_part(tensor) for name, tensor in tensors.items()}
    parts = [
        name for name, one in held.items() if one is not tensors[name] and is_spread(tensors[name])
    ]
    refused = {
        name: reason
        for name, tensor in held.items()
        if (reason := has_no_histogram(tensor)) is not None
    }
    readable = {
        f"{name} (part)" if name in parts else name: without_subclass(tensor.detach())
        for name, tensor in held.items()
        if name not in refused
    }
    return readable, refused, bool(parts)


def _read(
    tensors: Mapping[str, Tensor], through: Callable[[Tensor], Tensor] | None, into: _Reading
) -> None:
    """Reads all entries, run by run."""
    with torch.no_grad():
        for name, tensor in tensors.items():
            shape = tuple(tensor.shape)
            for start, run in _runs(tensor):
                into.take(name, shape, start, _real(run if through is None else through(run)))


def edges_for(low: float, high: float, axis: Axis) -> NDArray[np.float64]:
    """Where the bins end that hold everything from ``low`` to ``high``.

    They depend on the extremes only roughly, so that they stay the same from step to step.
    """
    peak = np.nanmax([abs(low), abs(high), 0.0])
    if peak == 0:
        peak = 1.0
    if axis == "log":
        top = math.ceil(A_DECADE * math.log10(peak))
        with np.errstate(over="ignore", under="ignore"):
            sizes = 10.0 ** (np.arange(top - A_DECADE * DECADES, top + 1) / A_DECADE)
        edges = np.concatenate([-sizes[::-1], sizes])
    else:
        power = 10.0 ** math.floor(math.log10(peak))
        round_peak = min(
            next((step * power for step in (1, 2, 5) if step * power >= peak), 10 * power), LARGEST
        )
        if low >= 0:
            edges = round_peak * np.linspace(0, 1, BINS + 1)
        elif high <= 0:
            edges = round_peak * np.linspace(-1, 0, BINS + 1)
        else:
            edges = round_peak * np.linspace(-1, 1, BINS + 2)
    edges = np.clip(edges, -LARGEST, LARGEST)
    # Rounding must not cut off the extremes.
    edges[0], edges[-1] = np.fmin(edges[0], low), np.fmax(edges[-1], high)
    return np.asarray(edges, np.float64)


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    stride: int
    names_worst: bool
    zeros: int = 0
    nans: int = 0
    infinities: int = 0
    low: float = math.inf
    high: float = -math.inf
    sample: list[NDArray[np.float64]] = field(default_factory=list)
    worst: list[Entry] = field(default_factory=list)
    _seen: int = 0

    def take(self, name: str, shape: tuple[int, ...], start: int, run: Tensor) -> None:
        """Reads a run of entries whose first is number ``start`` of the tensor ``name``."""
        least, most = run.aminmax()
        # A run is so short that a count is exact in its own type.
        counted = torch.stack([torch.count_nonzero(run).to(run.dtype), least, most]).tolist()
        self.zeros += len(run) - int(counted[0])
        if math.isfinite(counted[1]) and math.isfinite(counted[2]):
            self.low, self.high = min(self.low, counted[1]), max(self.high, counted[2])
        else:
            self._take_nonfinite(run)
        if self.names_worst:
            self._take_worst(name, shape, start, run)
        sample = run[-self._seen % self.stride :: self.stride]
        self._seen += len(run)
        self.sample.append(sample.cpu().numpy().astype(np.float64))

    def _take_nonfinite(self, run: Tensor) -> None:
        finite = torch.isfinite(run)
        nans = int(run.isnan().sum())
        self.nans += nans
        self.infinities += len(run) - nans - int(finite.sum())
        self.low = min(self.low, float(torch.where(finite, run, torch.inf).min()))
        self.high = max(self.high, float(torch.where(finite, run, -torch.inf).max()))

    def _take_worst(self, name: str, shape: tuple[int, ...], start: int, run: Tensor) -> None:
        size = run.abs().nan_to_num(nan=math.inf, posinf=math.inf)
        places = size.topk(min(WORST, len(run))).indices
        for place, value in zip(places.tolist(), run[places].tolist(), strict=True):
            index = (
                tuple(int(one) for one in np.unravel_index(start + place, shape)) if shape else ()
            )
            self.worst.append(Entry(name, index, value))
        self.worst = sorted(self.worst, key=_size, reverse=True)[:WORST]


def _size(entry: Entry) -> float:
    return abs(entry.value) if math.isfinite(entry.value) else math.inf


def _runs(tensor: Tensor, start: int = 0) -> Iterator[tuple[int, Tensor]]:
    """The entries in their logical order, at most ``RUN`` at a time.

    Yields the number of the first entry, and a vector.
    """
    count = tensor.numel()
    if count <= RUN:
        yield start, tensor.reshape(-1)
        return
    inner = count // len(tensor)
    if inner <= RUN:
        for part in tensor.split(RUN // inner):
            yield start, part.reshape(-1)
            start += part.numel()
        return
    for part in tensor:
        yield from _runs(part, start)
        start += inner


def _real(run: Tensor) -> Tensor:
    if run.dtype in {torch.float32, torch.float64}:
        return run
    return (
        run.double() if run.dtype in {torch.int32, torch.int64} and not run.is_mps else run.float()
    )


def _prime_from(number: int) -> int:
    """The first prime from ``number`` on; 1 for 1.

    A sample with such a stride misses no row or column.
    """
    while number > 1 and any(number % divisor == 0 for divisor in range(2, math.isqrt(number) + 1)):
        number += 1
    return number
