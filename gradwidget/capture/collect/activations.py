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

from gradwidget.capture.model.followers import Node, followers, node_of
from gradwidget.capture.model.nonlinearity import Nonlinearity, of_module
from gradwidget.capture.sampling.recurrent_schedule import RecurrentSchedule
from gradwidget.capture.stats.batching import Place, Sheet, Trays, gathered
from gradwidget.capture.stats.norms import ALONE, l2, plain
from gradwidget.capture.stats.output_stats import NONFINITE, NORM, gradient_figures, output_figures
from gradwidget.capture.stats.per_layer import Column, Numbers, PerLayer, flags
from gradwidget.capture.stats.readback import Fetch, Readback, as_numpy
from gradwidget.capture.torch_private import in_backward, is_transformed, version
from gradwidget.frame import BoolArray, Layer

OnGradient = Callable[[Tensor, Callable[[Tensor], None]], None]
"""Given a tensor and what to do with its gradient; the doing may be contained, timed or left out.
"""

Call = tuple[str, int]
"""Name of a layer and the number of its call within a round: the forwards that lead to one backward
pass."""

FROZEN = (
    "Neither this layer nor anything before it is trained, so torch keeps no graph that would tell which "
    "nonlinearity follows it: its activations are not measured."
)
UNUSED = (
    "No backward pass came through its output, so it is not known which nonlinearity follows it: its activations are "
    "not measured."
)
LEAF = (
    "It returns a tensor that nothing has computed (a parameter), on which a hook would outlive the step: its "
    "activation gradient is not measured."
)
SILENT = "It ran only without gradients (as under torch.no_grad), so its output is not measured."
TRANSFORMED = (
    "It runs inside a transform of torch.func (as vmap or grad), where no value can be read."
)
UNSEEN = (
    "It was not seen to run in this step (it runs in compiled or scripted code, or its parameters are used without "
    "calling it), so its output is not measured."
)


@dataclass(slots=True)
class Output:
    """One output of one call of a layer, and the gradient that came back to it."""

    layer: str
    size: int
    forward: Place
    """Its ``output_figures``."""
    backward: Place | None = None
    """The ``gradient_figures`` of its gradient."""
    gradients: int = 0
    arrival: int = 0
    """In which order the gradients arrived."""
    data_nonfinite: Fetch | None = None
    """How many entries of the data that the layer was given are not finite; None where it was given
    no raw data."""
    round: int = 0
    """Number of the round in which the layer ran."""
    doubt: str | None = None
    """Why it is not known what follows, where it is not; None where the figures are those of what
    follows."""

    def nonfinite(self) -> float:
        """How many entries are not finite."""
        return float(self.forward.figures()[NONFINITE])

    def gradient(self) -> float | None:
        """Norm of the gradient that came back; None where none did."""
        return None if self.backward is None else float(self.backward.figures()[NORM])


@dataclass(slots=True)
class Unknown:
    """An output of which it is not known yet what follows it: held until the backward pass begins."""

    call: Call
    output: Output
    tensor: Tensor
    node: Node
    version: int
    units: int


@dataclass(slots=True)
class Loose:
    """An output that no graph hangs on: a module that takes it may show what follows. Held weakly."""

    call: Call
    output: Output
    tensor: ReferenceType[Tensor]
    version: int
    units: int


@dataclass(slots=True)
class Lasting:
    """What lasts from step to step; lives as long as the capture."""

    turns: RecurrentSchedule
    """Decides in which steps recurrent layers are followed along time."""
    known: dict[Call, Nonlinearity | None] = field(default_factory=dict)
    """What follows each call of each layer."""
    trays: Trays = field(default_factory=Trays)
    """Memory for small outputs."""


class Activations:
    """Collects the outputs of the layers of one step.

    Figures describe an output after the elementwise nonlinearity that follows it. Which one does is
    found in the graph once a layer and call: until then the output itself is held from forward to
    backward; later nothing is. Only the first floating-point tensor of a structured output is
    looked at. Several calls of a layer, and several micro-batches, are taken together.

    Args:
        readback: brings the figures.
        on_gradient: registers what is to be done with the gradient of a tensor.
        lasting: what is known from earlier steps; added to.
        reasons: why a layer could not be measured, by its name; added to.
    """

    def __init__(
        self, readback: Readback, on_gradient: OnGradient, lasting: Lasting, reasons: dict[str, str]
    ) -> None:
        self._readback = readback
        self._on_gradient = on_gradient
        self._known = lasting.known
        self._reasons = reasons
        self._trays = lasting.trays
        self.outputs: list[Output] = []
        """In the order in which the layers ran."""
        self._arrivals = 0
        self._calls: dict[str, int] = {}
        self._ran: set[str] = set()
        self._round = 0
        self._round_is_over = False
        self._silent: set[str] = set()
        self._unknown: list[Unknown] = []
        self._loose: list[Loose] = []

    def passed(
        self, layer: str, module: nn.Module, args: tuple[object, ...], output: object
    ) -> bool:
        """Takes note of an output.

        Args:
            layer: its name.
            module: the layer itself.
            args: what its forward was given.
            output: what its forward returned.

        Returns:
            Whether it counts: not what runs without gradients, and not what a backward pass
                computes anew.
        """
        tensor = (
            output
            if type(output) is Tensor and output.is_floating_point()
            else first_tensor(output)
        )
        if tensor is None or tensor.is_meta or tensor.numel() == 0:
            return False
        if not torch.is_grad_enabled():
            self._silent.add(layer)
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
        note = Output(layer, tensor.numel(), self._place(tensor, units, self._known.get(call)))
        note.data_nonfinite = self._data_nonfinite(args)
        note.round = self._round
        self.outputs.append(note)
        if call not in self._known:
            self._keep_unknown(call, note, tensor, units)
        if tensor.grad_fn is not None:
            self._on_gradient(tensor, partial(self._flowed, note))
        elif tensor.requires_grad:
            self._reasons.setdefault(layer, LEAF)
        return True

    def follower(self, layer: str) -> Nonlinearity | None:
        """What follows the call of a layer that was noted last; None where nothing does or it is
        not known yet.
        """
        return self._known.get((layer, self._calls[layer] - 1))

    def _is_first_run(self, layer: str) -> bool:
        if in_backward():
            # Checkpointing computes anew what ran before, with a graph or (reentrant) without one.
            return layer not in self._ran
        if self._round_is_over:
            self._round_is_over = False
            self._round += 1
            self._calls, self._ran = {}, set()
        self._ran.add(layer)
        return True

    def _keep_unknown(self, call: Call, note: Output, tensor: Tensor, units: int) -> None:
        if tensor.requires_grad:
            note.doubt = UNUSED
            self._unknown.append(
                Unknown(call, note, tensor, node_of(tensor), version(tensor), units)
            )
        else:
            note.doubt = FROZEN
            self._loose.append(Loose(call, note, ref(tensor), version(tensor), units))

    def taken(self, module: nn.Module, args: tuple[object, ...]) -> dict[str, str]:
        """A module that is no layer has run: where it is a nonlinearity it may be what follows an
        output without graph.

        Returns:
            The kinds newly found, by layer.
        """
        tensor = args[0] if self._loose and args and isinstance(args[0], Tensor) else None
        one = (
            next((one for one in self._loose if one.tensor() is tensor), None)
            if tensor is not None
            else None
        )
        follower = of_module(module, tensor) if one is not None and tensor is not None else None
        if one is None or tensor is None or follower is None:
            return {}
        self._loose.remove(one)
        self._follows(one, tensor, follower)
        return {one.call[0]: follower.kind}

    def backward_begins(self, roots: Sequence[Tensor]) -> dict[str, str]:
        """Looks up what follows outputs that are not known yet; gives the kinds newly found, by
        layer.
        """
        if not self._unknown:
            return {}
        unknown, self._unknown = self._unknown, []
        found = followers(roots, {one.node: number for number, one in enumerate(unknown)})
        kinds: dict[str, str] = {}
        for number, one in enumerate(unknown):
            if number not in found:
                self._unknown.append(
                    one
                )  # this pass does not go through it; another of the same step may
                continue
            follower = found[number]
            if follower is not None:
                kinds.setdefault(one.call[0], follower.kind)
            self._follows(one, one.tensor, follower)
        return kinds

    def _follows(self, one: Unknown | Loose, tensor: Tensor, follower: Nonlinearity | None) -> None:
        self._known[one.call] = follower
        kept = one.output
        kept.doubt = None
        if follower is None:
            return
        # Worked in place, the nonlinearity has already turned the held output into what is wanted.
        in_place = version(tensor) != one.version
        kept.forward = self._place(tensor, one.units, follower.applied() if in_place else follower)

    def backward_ended(self) -> None:
        """What runs from now on belongs to the next round."""
        self._round_is_over = True
        self._loose = []

    def forget_flows(self) -> None:
        """Drops the gradients that came back so far: they led to nothing that was used."""
        for note in self.outputs:
            note.backward, note.gradients = None, 0

    def _flowed(self, note: Output, gradient: Tensor) -> None:
        note.gradients += 1
        self._arrivals += 1
        note.arrival = self._arrivals
        entries = plain(gradient)
        if entries.numel() > ALONE:
            note.backward = Place(Sheet(*gradient_figures(entries[None], self._readback)), 0)
        else:
            note.backward = self._trays.fitting("gradient", entries, gradient_figures).put(
                entries, self._readback
            )

    def forget(self) -> None:
        """Drops outputs of earlier rounds, and those that a gradient has reached: what it led to
        was cleared.
        """
        # Those of the forward that has just run stay: an optimizer with a closure evaluates the
        # loss several times.
        self.outputs = [note for note in self.outputs if self._is_fresh(note)]
        self._unknown = [one for one in self._unknown if self._is_fresh(one.output)]

    def _is_fresh(self, note: Output) -> bool:
        return not note.gradients and note.round == self._round and not self._round_is_over

    def finish(self) -> None:
        """Reads what has not been read yet, and lets go of what is still held."""
        self._trays.read(self._readback)
        self._unknown, self._loose = [], []

    def explain_unseen(self, layers: Iterable[str], reason: str) -> None:
        """Gives a reason for each of the layers whose output was not seen in this step.

        Args:
            layers: all that should have been.
            reason: why, where nothing better is known.
        """
        seen = {note.layer for note in self.outputs}
        for layer in layers:
            if layer not in seen:
                self._reasons.setdefault(layer, SILENT if layer in self._silent else reason)

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
        # A forward that no backward followed was an evaluation; where no gradient can flow every
        # forward counts.
        used = (flowed > 0) | (np.bincount(owners, flowed, len(layers))[owners] == 0)
        place = PerLayer(
            len(layers),
            np.arange(len(notes)),
            owners,
            np.array([float(note.size) for note in notes]),
        )
        figures = gathered([note.forward for note in notes])
        certain = used & ~self._doubted(notes, owners, used)
        columns = place.output_columns(figures, certain)
        columns["act_dead_fraction"] = _taken_together(
            columns["act_dead_fraction"], notes, owners, certain
        )
        # Two backward passes through one output: the sum of their gradients is known to nobody
        # here.
        unclear = np.bincount(owners, flowed > 1, len(layers))[owners] > 0
        came = {
            number: note.backward for number, note in enumerate(notes) if note.backward is not None
        }
        reached = flags(list(came), len(notes)) & used & ~unclear
        gradients = np.zeros((2, len(notes)))
        if came:
            gradients[:, list(came)] = gathered(list(came.values()))
        columns |= place.output_gradient_columns(gradients, used, reached, scale)
        return {name: column for name, column in columns.items() if column.measured.any()}

    def _doubted(self, notes: Sequence[Output], owners: Numbers, used: BoolArray) -> BoolArray:
        """The outputs of layers of which one that counts is in doubt; says why."""
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

    def _place(self, tensor: Tensor, units: int, follower: Nonlinearity | None) -> Place:
        """Where the figures of an output will be, as it is after what follows it."""
        entries = plain(tensor)
        if entries.dim() == 0:
            entries = entries.reshape(1)
        take = partial(output_figures, units=units, follower=follower)
        if entries.numel() > ALONE:
            return Place(Sheet(*take(entries[None], self._readback)), 0)
        return self._trays.fitting((units, follower), entries, take).put(entries, self._readback)


def _taken_together(
    dead: Column, notes: Sequence[Output], owners: Numbers, used: BoolArray
) -> Column:
    """A unit of a layer that ran several times is dead if it was in every call; unknown where their
    units differ.
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
    """The dimension of units, from the end: channels of a convolution or of what normalises them,
    else the last.
    """
    if isinstance(module, _ConvNd):
        return -1 - len(module.kernel_size)
    if isinstance(module, (_NormBase, nn.GroupNorm)) and tensor.dim() > 2:
        return 1 - tensor.dim()
    return -1


def first_tensor(output: object) -> Tensor | None:
    """The first floating-point or complex tensor in a module's output, also inside tuples, dicts
    and dataclasses.
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
