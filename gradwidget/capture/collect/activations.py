"""What flows out of each layer and what gradient flows back into its output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any
from weakref import ReferenceType, ref

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from gradwidget.capture.model.nonlinearity import (
    Node,
    Nonlinearity,
    find_nonlinearities,
    node_of,
    nonlinearity_of,
)
from gradwidget.capture.reasons import LEAF, NO_BACKWARD, NO_GRAD_MODE, NO_GRAPH, TRANSFORMED
from gradwidget.capture.stats.norms import ALONE, l2, plain
from gradwidget.capture.stats.output_stats import (
    NONFINITE,
    NORM,
    gradient_statistics,
    output_statistics,
)
from gradwidget.capture.stats.per_layer import Column, Numbers, PerLayer, flags
from gradwidget.capture.stats.readback import Fetch, Readback, as_numpy
from gradwidget.capture.stats.staging import RowStatistics, Slot, StagingBuffers, gather
from gradwidget.capture.torch_private import in_backward, is_transformed, version
from gradwidget.frame import BoolArray, Layer

OnGradient = Callable[[Tensor, Callable[[Tensor], None]], None]
"""Given a tensor and a function: calls it with the gradient of the tensor when that arrives."""

Call = tuple[str, int]
"""Name of a layer and the number of its call within a round.

A round is all forwards that lead to one backward pass."""


@dataclass(slots=True)
class Output:
    """One output of one call of a layer, and the gradient that came back to it."""

    layer: str
    size: int
    forward: Slot
    """Its ``output_statistics``."""
    backward: Slot | None = None
    """The ``gradient_statistics`` of its gradient."""
    gradients: int = 0
    arrival: int = 0
    """In which order the gradients arrived."""
    data_nonfinite: Fetch | None = None
    """How many entries of the data that the layer was given are not finite; None where it was given
    no raw data."""
    round: int = 0
    """Number of the round in which the layer ran."""
    doubt: str | None = None
    """Why its activation function is not known; None where the statistics are those after it."""

    def nonfinite(self) -> float:
        """How many entries are not finite."""
        return float(self.forward.values()[NONFINITE])

    def gradient(self) -> float | None:
        """Norm of the gradient that came back; None where none did."""
        return None if self.backward is None else float(self.backward.values()[NORM])


@dataclass(slots=True)
class HeldOutput:
    """An output whose activation function is not known yet: held until the backward pass begins."""

    call: Call
    output: Output
    tensor: Tensor
    node: Node
    version: int
    units: int


@dataclass(slots=True)
class GraphlessOutput:
    """An output without a graph, held weakly: an activation module may be given it next."""

    call: Call
    output: Output
    tensor: ReferenceType[Tensor]
    version: int
    units: int


@dataclass(slots=True)
class ActivationCache:
    """What is kept from step to step; lives as long as the capture."""

    nonlinearities: dict[Call, Nonlinearity | None] = field(default_factory=dict)
    """The activation function of each call of each layer; None where it has none."""
    buffers: StagingBuffers = field(default_factory=StagingBuffers)
    """Memory in which small outputs are gathered."""


class Activations:
    """Collects the outputs of the layers of one step.

    Statistics describe an output after its activation function. Which one that is is found in the
    graph once per layer and call: until then the output itself is held from forward to backward;
    later nothing is. Only the first floating-point tensor of a structured output is read. Several
    calls of a layer, and several micro-batches, are combined.

    Args:
        readback: brings the statistics.
        on_gradient: registers what is to be done with the gradient of a tensor.
        cache: what is kept from earlier steps; added to.
        reasons: why a layer could not be measured, by its name; added to.
    """

    def __init__(
        self,
        readback: Readback,
        on_gradient: OnGradient,
        cache: ActivationCache,
        reasons: dict[str, str],
    ) -> None:
        self._readback = readback
        self._on_gradient = on_gradient
        self._nonlinearities = cache.nonlinearities
        self._reasons = reasons
        self._buffers = cache.buffers
        self.outputs: list[Output] = []
        """In the order in which the layers ran."""
        self._arrivals = 0
        self._calls: dict[str, int] = {}
        self._ran: set[str] = set()
        self._round = 0
        self._round_is_over = False
        self._without_grad: set[str] = set()
        self._held: list[HeldOutput] = []
        self._graphless: list[GraphlessOutput] = []

    def add_output(
        self, layer: str, module: nn.Module, args: tuple[object, ...], output: object
    ) -> bool:
        """Measures an output, or stages it to be measured with others.

        Args:
            layer: name of the layer.
            module: the layer itself.
            args: what its forward was given.
            output: what its forward returned.

        Returns:
            Whether it counts: neither what runs without gradients nor what a backward pass
            recomputes does.
        """
        tensor = (
            output
            if type(output) is Tensor and output.is_floating_point()
            else first_tensor(output)
        )
        if tensor is None or tensor.is_meta or tensor.numel() == 0:
            return False
        if not torch.is_grad_enabled():
            self._without_grad.add(layer)
            return False
        if is_transformed(tensor):
            self._reasons.setdefault(layer, TRANSFORMED)
            return False
        if not self._is_first_run(layer):
            return False
        number = self._calls.get(layer, 0)
        self._calls[layer] = number + 1
        call = layer, number
        units = _unit_dimension(module, tensor)
        note = Output(
            layer, tensor.numel(), self._slot(tensor, units, self._nonlinearities.get(call))
        )
        note.data_nonfinite = self._data_nonfinite(args)
        note.round = self._round
        self.outputs.append(note)
        if call not in self._nonlinearities:
            self._hold(call, note, tensor, units)
        if tensor.grad_fn is not None:
            self._on_gradient(tensor, partial(self._add_gradient, note))
        elif tensor.requires_grad:
            self._reasons.setdefault(layer, LEAF)
        return True

    def nonlinearity_of(self, layer: str) -> Nonlinearity | None:
        """The activation function of a layer's latest call; None where it has none known yet."""
        return self._nonlinearities.get((layer, self._calls[layer] - 1))

    def _is_first_run(self, layer: str) -> bool:
        if in_backward():
            # Checkpointing recomputes what ran before, with a graph or (reentrant) without one.
            return layer not in self._ran
        if self._round_is_over:
            self._round_is_over = False
            self._round += 1
            self._calls, self._ran = {}, set()
        self._ran.add(layer)
        return True

    def _hold(self, call: Call, note: Output, tensor: Tensor, units: int) -> None:
        if tensor.requires_grad:
            note.doubt = NO_BACKWARD
            self._held.append(
                HeldOutput(call, note, tensor, node_of(tensor), version(tensor), units)
            )
        else:
            note.doubt = NO_GRAPH
            self._graphless.append(GraphlessOutput(call, note, ref(tensor), version(tensor), units))

    def match_activation_module(
        self, module: nn.Module, args: tuple[object, ...]
    ) -> dict[str, str]:
        """An activation module has run: it may have been given an output without a graph.

        Returns:
            The kinds of activation functions newly found, by layer.
        """
        tensor = args[0] if self._graphless and args and isinstance(args[0], Tensor) else None
        one = (
            next((one for one in self._graphless if one.tensor() is tensor), None)
            if tensor is not None
            else None
        )
        found = nonlinearity_of(module, tensor) if one is not None and tensor is not None else None
        if one is None or tensor is None or found is None:
            return {}
        self._graphless.remove(one)
        self._apply_found(one, tensor, found)
        return {one.call[0]: found.kind}

    def find_nonlinearities(self, roots: Sequence[Tensor]) -> dict[str, str]:
        """Searches the graph for activation functions that are not known yet.

        Args:
            roots: where the backward pass that is about to run starts.

        Returns:
            The kinds newly found, by layer.
        """
        if not self._held:
            return {}
        held, self._held = self._held, []
        found = find_nonlinearities(roots, {one.node: number for number, one in enumerate(held)})
        kinds: dict[str, str] = {}
        for number, one in enumerate(held):
            if number not in found:
                # This pass does not go through it; another of the same step may.
                self._held.append(one)
                continue
            nonlinearity = found[number]
            if nonlinearity is not None:
                kinds.setdefault(one.call[0], nonlinearity.kind)
            self._apply_found(one, one.tensor, nonlinearity)
        return kinds

    def _apply_found(
        self, one: HeldOutput | GraphlessOutput, tensor: Tensor, nonlinearity: Nonlinearity | None
    ) -> None:
        """Measures an output again, now that its activation function is known."""
        self._nonlinearities[one.call] = nonlinearity
        kept = one.output
        kept.doubt = None
        if nonlinearity is None:
            return
        # Applied in place, it has already turned the held output into what is to be measured.
        if version(tensor) != one.version:
            nonlinearity = nonlinearity.applied()
        kept.forward = self._slot(tensor, one.units, nonlinearity)

    def end_round(self) -> None:
        """A backward pass has run: forwards from now on belong to the next round."""
        self._round_is_over = True
        self._graphless = []

    def drop_gradients(self) -> None:
        """Drops the gradients that came back so far: they led to nothing that was used."""
        for note in self.outputs:
            note.backward, note.gradients = None, 0

    def _add_gradient(self, note: Output, gradient: Tensor) -> None:
        note.gradients += 1
        self._arrivals += 1
        note.arrival = self._arrivals
        entries = plain(gradient)
        if entries.numel() > ALONE:
            note.backward = Slot(
                RowStatistics(*gradient_statistics(entries[None], self._readback)), 0
            )
        else:
            note.backward = self._buffers.buffer_for("gradient", entries, gradient_statistics).put(
                entries, self._readback
            )

    def drop_cleared(self) -> None:
        """Drops outputs that led to gradients which were cleared: of earlier rounds, or reached."""
        # Those of the forward that has just run stay: an optimizer with a closure evaluates the
        # loss several times.
        self.outputs = [note for note in self.outputs if self._is_fresh(note)]
        self._held = [one for one in self._held if self._is_fresh(one.output)]

    def _is_fresh(self, note: Output) -> bool:
        return not note.gradients and note.round == self._round and not self._round_is_over

    def measure_staged(self) -> None:
        """Measures what is still staged, and releases what is held."""
        self._buffers.flush(self._readback)
        self._held, self._graphless = [], []

    def explain_unseen(self, layers: Iterable[str], reason: str) -> None:
        """Gives a reason for each of the layers whose output was not seen in this step.

        Args:
            layers: all that should have been.
            reason: why, where nothing better is known.
        """
        seen = {note.layer for note in self.outputs}
        for layer in layers:
            if layer not in seen:
                self._reasons.setdefault(
                    layer, NO_GRAD_MODE if layer in self._without_grad else reason
                )

    def columns(self, layers: Sequence[Layer], scale: float) -> dict[str, Column]:
        """The metrics of outputs. Only once the readback is ready.

        Args:
            layers: rows of the columns.
            scale: what the loss was multiplied by.
        """
        rows = {layer.name: row for row, layer in enumerate(layers)}
        notes = [note for note in self.outputs if note.layer in rows]
        if not notes:
            return {}
        owners = np.array([rows[note.layer] for note in notes])
        flowed = np.array([note.gradients for note in notes])
        # A forward without a backward pass was an evaluation; where no gradient can flow every
        # forward counts.
        used = (flowed > 0) | (np.bincount(owners, flowed, len(layers))[owners] == 0)
        per_layer = PerLayer(
            len(layers),
            np.arange(len(notes)),
            owners,
            np.array([float(note.size) for note in notes]),
        )
        statistics = gather([note.forward for note in notes])
        certain = used & ~self._doubted(notes, owners, used)
        columns = per_layer.output_columns(statistics, certain)
        columns["act_dead_fraction"] = _dead_in_every_call(
            columns["act_dead_fraction"], notes, owners, certain
        )
        # Two backward passes through one output: the sum of their gradients is not known here.
        unclear = np.bincount(owners, flowed > 1, len(layers))[owners] > 0
        came = {
            number: note.backward for number, note in enumerate(notes) if note.backward is not None
        }
        reached = flags(list(came), len(notes)) & used & ~unclear
        gradients = np.zeros((2, len(notes)))
        if came:
            gradients[:, list(came)] = gather(list(came.values()))
        columns |= per_layer.output_gradient_columns(gradients, used, reached, scale)
        return {name: column for name, column in columns.items() if column.measured.any()}

    def _doubted(self, notes: Sequence[Output], owners: Numbers, used: BoolArray) -> BoolArray:
        """The outputs of layers with one that counts and is in doubt; adds the reasons."""
        doubted = np.zeros(len(notes), np.bool_)
        for number, note in enumerate(notes):
            if note.doubt and used[number]:
                self._reasons.setdefault(note.layer, note.doubt)
                doubted |= owners == owners[number]
        return doubted

    def _data_nonfinite(self, args: tuple[object, ...]) -> Fetch | None:
        if args and isinstance(args[0], Tensor) and args[0].grad_fn is not None:
            return None
        tensor = first_tensor(args)
        # What no operation made is data: it came into the model from outside.
        if tensor is None or tensor.grad_fn is not None or tensor.numel() == 0:
            return None
        values = plain(tensor)
        if values.is_cpu and np.isfinite(as_numpy(l2(values))):
            return None
        return self._readback.add(values.numel() - torch.isfinite(values).sum())

    def _slot(self, tensor: Tensor, units: int, nonlinearity: Nonlinearity | None) -> Slot:
        """Where the statistics of an output after its activation function will be."""
        entries = plain(tensor)
        if entries.dim() == 0:
            entries = entries.reshape(1)
        measure = partial(output_statistics, units=units, nonlinearity=nonlinearity)
        if entries.numel() > ALONE:
            return Slot(RowStatistics(*measure(entries[None], self._readback)), 0)
        return self._buffers.buffer_for((units, nonlinearity), entries, measure).put(
            entries, self._readback
        )


def _dead_in_every_call(
    dead: Column, notes: Sequence[Output], owners: Numbers, used: BoolArray
) -> Column:
    """A unit of a layer that ran several times is dead if it was in every call.

    Where the calls differ in their number of units, it is not measured.
    """
    values, measured = dead.values.copy(), dead.measured.copy()
    for owner in np.flatnonzero(np.bincount(owners, used, len(values)) > 1):
        alive = [
            notes[number].forward.units()
            for number in np.flatnonzero(used & (owners == owner)).tolist()
        ]
        measured[owner] = len({len(call) for call in alive}) == 1
        values[owner] = 1 - np.max(alive, axis=0).mean() if measured[owner] else np.nan
    return Column(values, measured)


def _unit_dimension(module: nn.Module, tensor: Tensor) -> int:
    """The dimension of units, from the end.

    That of channels for convolutions and the layers that normalize them, else the last.
    """
    if isinstance(module, _ConvNd):
        return -1 - len(module.kernel_size)
    if isinstance(module, (_NormBase, nn.GroupNorm)) and tensor.dim() > 2:
        return 1 - tensor.dim()
    return -1


def first_tensor(output: object) -> Tensor | None:
    """The first floating-point or complex tensor in a module's output.

    Tuples, lists, mappings and dataclasses are searched, nested ones too.
    """
    if isinstance(output, Tensor):
        return output if output.is_floating_point() or output.is_complex() else None
    if isinstance(output, Mapping):
        parts: Any = output.values()
    elif isinstance(output, (tuple, list)):
        parts = output
    elif is_dataclass(output) and not isinstance(output, type):
        parts = [getattr(output, part.name) for part in fields(output)]
    else:
        return None
    return next((tensor for tensor in map(first_tensor, parts) if tensor is not None), None)
