"""The data that the loop feeds to the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from weakref import ReferenceType, ref

import numpy as np
import torch
from torch import Tensor, nn

from gradwidget.capture.collect.loop.loaders import sample_of
from gradwidget.capture.collect.loop.same_batch import Entered
from gradwidget.capture.collect.outputs import first_tensor
from gradwidget.capture.guard import Guard
from gradwidget.capture.hooks.forward import is_training_forward
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.batch_spread import SAMPLES, batch_spread
from gradwidget.capture.stats.fingerprint import fingerprint
from gradwidget.capture.stats.norms import accumulator, vector_norm
from gradwidget.capture.stats.readback import Fetch, Readback, Values
from gradwidget.capture.torch_private import in_transform, owner

COUNT, SUM, NORM, PEAK, NONFINITE = range(5)
"""Of the finite entries: how many, their sum, L2 norm and largest |x|; and how many are not."""

COLUMNS = 4096
"""Of a table with more of them the columns are not compared."""


class InputData:
    """Data that enters the layers in the forwards of one step.

    Data is what no operation with a graph has made and no layer of the model: a tensor that a layer
    is given as its first argument, or the model where no layer is given one. Of several views of
    one storage the first is read. Integers (tokens) have no statistics; an image of bytes has, once
    it is cast.

    Args:
        readback: brings the statistics.
        guard: contains failures.
    """

    def __init__(self, readback: Readback, guard: Guard) -> None:
        self._readback = readback
        self._guard = guard
        self._used: list[Entered] = []
        self._pending: list[Entered] = []
        """Of forwards that no backward pass has followed yet."""
        self._seen: dict[int, ReferenceType[Tensor] | None] = {}
        """What was read, by the address of its storage; None for what was read in this round."""
        self._tensors: list[tuple[int, ReferenceType[Tensor]]] = []
        self._first: int | None = None
        self._is_past_frozen = False
        """Whether a layer without a graph has run: what has none after it may be its work."""

    def layer_ran(
        self,
        module: nn.Module,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        output: object,
    ) -> None:
        """Reads what a layer was given, where it is data."""
        if self._first is None or id(module) == self._first:
            # The first layer of a forward: what earlier forwards made does not matter to it.
            self._first, self._is_past_frozen = id(module), False
        first = args[0] if args else None
        # As nearly every layer's: what an operation with a graph has made is no data.
        is_made = type(first) is Tensor and not first.is_leaf
        if not (is_made or self._is_past_frozen) and is_training_forward():
            self._guard.run("reading the input", self._read, args, kwargs)
        if type(output) is Tensor and output.requires_grad:
            return
        made = first_tensor(output)
        if made is not None and not made.requires_grad:
            self._is_past_frozen = True

    def model_ran(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        """Reads what the whole model was given, where all layers were given what it made of that.

        So it is where numbers enter beside an embedding of categories; not where these can only be
        columns of it, whose size says nothing.
        """
        has_data = any(one.statistics is not None for one in self._pending)
        given = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
        is_float = bool(given) and all(one.is_floating_point() for one in given)
        has_cut = is_float and bool(self._pending)
        first = first_tensor(args[0]) if args else None
        if not (has_data or has_cut) and first is not None and is_training_forward():
            self._guard.run("reading the input", self._read, args, kwargs)

    def end_round(self) -> None:
        """A backward pass has run: the forwards before it were those of the training."""
        self._used += self._pending
        self._pending = []
        self._seen |= dict(self._tensors)
        self._tensors = []
        self._first = None

    def clear(self) -> None:
        """Drops what led to gradients that were cleared."""
        self._used = []
        self._seen = dict.fromkeys(address for address, _ in self._tensors)

    @property
    def entered(self) -> list[Entered]:
        """What was read, in the order in which it entered."""
        return self._used or self._pending

    @np.errstate(all="ignore")
    def scalars(self) -> dict[str, float]:
        """``input_rms``, ``input_mean``, ``input_std``, ``input_max_abs`` and ``input_nonfinite``.

        Over all floating-point entries read, those that are not finite left out but counted; absent
        where there were none. And ``input_variety``, how much the samples differ, of the data whose
        samples differ most, absent where that is not known of all; and ``input_feature_ratio``, the
        size of the largest feature of a table over that of its middle one; and ``input_samples``,
        the length of the first dimension where all have the same, but for places and the like that
        are one for all samples. Only once the readback is ready.
        """
        found = self._of_numbers()
        shapes = [one.shape for one in self.entered if one.shape]
        lengths = {shape[0] for shape in shapes if len(shape) > 1} or {one[0] for one in shapes}
        lengths = lengths - {1} or lengths
        if len(lengths) == 1:
            found["input_samples"] = float(lengths.pop())
        counts = {one.shape[:1] for one in self.entered if one.spread is not None}
        spreads = [
            math.nan if one.spread is None else one.spread()
            for one in self.entered
            # Numbers that are not one for each sample are those of places, the same for all.
            if one.statistics is not None or len(one.shape) > 1 or one.shape[:1] in counts
        ]
        if spreads and not any(map(math.isnan, spreads)):
            found["input_variety"] = max(spreads)
        ratios = [_ratio(one.features()) for one in self.entered if one.features is not None]
        if ratios and not any(map(math.isnan, ratios)):
            found["input_feature_ratio"] = max(ratios)
        return found

    def _of_numbers(self) -> dict[str, float]:
        fetched = [one.statistics() for one in self.entered if one.statistics is not None]
        if not fetched:
            return {}
        parts = np.stack(fetched)
        found = {"input_nonfinite": float(parts[:, NONFINITE].sum())}
        count = float(parts[:, COUNT].sum())
        if count:
            mean = float(parts[:, SUM].sum()) / count
            square = float((parts[:, NORM] ** 2).sum()) / count
            found |= {
                "input_rms": math.sqrt(square),
                "input_mean": mean,
                "input_std": math.sqrt(max(0.0, square - mean**2)),
                "input_max_abs": float(parts[:, PEAK].max()),
            }
        return found

    def _read(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        given = args[0] if args else next(iter(kwargs.values()), None)
        tensor = first_tensor(given)
        if tensor is None and isinstance(given, Tensor):
            tensor = given  # integers
        if tensor is None or not tensor.is_leaf or isinstance(tensor, nn.Parameter):
            return
        if in_transform() or unreadable(tensor) is not None or not tensor.numel():
            return
        values = plain(tensor)
        address = values.untyped_storage().data_ptr()
        if address in self._seen:
            known = self._seen[address]
            # Once it is gone, its memory may hold other data.
            if known is None or known() is not None:
                return
        self._seen[address] = None
        self._tensors.append((address, ref(tensor)))
        is_real = values.is_floating_point()
        self._pending.append(
            Entered(
                ref(owner(tensor)),
                fingerprint(values, self._readback),
                tuple(tensor.shape),
                sample_of(values),
                _measure(values, self._readback) if is_real else None,
                # Of numbers of tokens none is 0, so that those of padding are like each other too.
                batch_spread(values, self._readback, above=0 if is_real else 1),
                _feature_norms(values, self._readback) if is_real else None,
            )
        )


def _measure(values: Tensor, readback: Readback) -> Fetch:
    """A function that gives float64 [5] of a dense real tensor."""
    if values.is_cpu:
        figures = _on_host(values)
        return lambda: figures
    wide, is_finite = accumulator(values), torch.isfinite(values)
    values = torch.where(is_finite, values, 0)
    nonfinite = (values.numel() - is_finite.sum()).to(wide)
    total, norm = values.sum(dtype=wide), vector_norm(values, dtype=wide)
    low, high = torch.aminmax(values)
    peak = torch.maximum(low.abs(), high.abs()).to(wide)
    return readback.add(torch.stack([values.numel() - nonfinite, total, norm, peak, nonfinite]))


def _on_host(values: Tensor) -> Values:
    """The same in numbers: on the CPU each further operation costs more than what it computes."""
    nonfinite, norm = 0, vector_norm(values, dtype=torch.float64).item()
    if not math.isfinite(norm):
        is_finite = torch.isfinite(values)
        values = torch.where(is_finite, values, 0)
        nonfinite = values.numel() - int(is_finite.sum().item())
        norm = vector_norm(values, dtype=torch.float64).item()
    total = values.sum(dtype=torch.float64).item()
    low, high = (one.item() for one in torch.aminmax(values))
    peak = max(abs(low), abs(high))
    return np.array([values.numel() - nonfinite, total, norm, peak, nonfinite], np.float64)


def _feature_norms(values: Tensor, readback: Readback) -> Fetch | None:
    """A function that gives float64 [features], L2 norms; None of what is no table."""
    if values.dim() != 2 or not 1 < values.shape[1] <= COLUMNS:
        return None
    rows = values[:: math.ceil(len(values) / SAMPLES)]
    return readback.add(vector_norm(rows, dim=0, dtype=accumulator(values)))


def _ratio(norms: Values) -> float:
    """The largest of them over the middle one; NaN where none is known and above 0."""
    known = np.sort(norms[np.isfinite(norms) & (norms > 0)])
    return float(known[-1] / known[len(known) // 2]) if known.size else math.nan
