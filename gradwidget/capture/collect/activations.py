"""What flows out of each layer and what gradient flows back into its output."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from weakref import ref

import numpy as np
import torch
from torch import Tensor, nn

from gradwidget.capture import unmeasured
from gradwidget.capture.collect.output_gradients import OnGradient
from gradwidget.capture.collect.outputs import (
    Call,
    GraphlessOutput,
    HeldOutput,
    Output,
    first_tensor,
    unit_dimension,
)
from gradwidget.capture.guard import Guard
from gradwidget.capture.model.local_part import arrived, is_spread, local_part
from gradwidget.capture.model.nonlinearity import (
    Node,
    Nonlinearity,
    find_nonlinearities,
    node_of,
    nonlinearity_of,
)
from gradwidget.capture.model.output_place import UNKNOWN, Part, dims_of, part_of
from gradwidget.capture.model.unreadable import UnreadableError, plain
from gradwidget.capture.stats.alike_units import AlikeUnits
from gradwidget.capture.stats.batch_spread import batch_spread
from gradwidget.capture.stats.norms import ALONE, l2
from gradwidget.capture.stats.output_stats import gradient_statistics, output_statistics
from gradwidget.capture.stats.readback import Fetch, Readback, as_numpy
from gradwidget.capture.stats.staging import RowStatistics, Slot, StagingBuffers
from gradwidget.capture.torch_private import in_backward, is_sharded, is_transformed, version
from gradwidget.frame import Wiring


@dataclass(slots=True)
class ActivationCache:
    """What is kept from step to step; lives as long as the capture."""

    guard: Guard
    """Contains failures: one layer that cannot be read costs no other."""
    nonlinearities: dict[Call, Nonlinearity | None] = field(default_factory=dict)
    """The activation function of each call of each layer; None where it has none."""
    last: Collection[str] | None = None
    """The layers that nothing follows but the loss: how much their inputs differ is measured. None
    where they are not known: then it is the one that runs last."""
    takes_turns: bool = False
    """Whether several optimizers step: what one step has left is used by the next."""
    units: AlikeUnits = field(default_factory=AlikeUnits)
    """The layers whose units may be copies of each other."""
    buffers: StagingBuffers = field(init=False)
    """Memory in which small outputs are gathered."""

    def __post_init__(self) -> None:
        self.buffers = StagingBuffers(self.guard)

    def note_wiring(self, wiring: Wiring) -> None:
        """Takes what the wiring of the network tells of the steps to come."""
        self.last = wiring.last or None
        self.takes_turns = len(wiring.optimizers) > 1


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
        why: reasons why a layer is not measured, by its name; added to.
    """

    def __init__(
        self,
        readback: Readback,
        on_gradient: OnGradient,
        cache: ActivationCache,
        why: dict[str, str],
    ) -> None:
        self._readback = readback
        self._on_gradient = on_gradient
        self._nonlinearities = cache.nonlinearities
        self._why = why
        self._guard = cache.guard
        self._buffers = cache.buffers
        self._last = cache.last
        self._takes_turns = cache.takes_turns
        self._latest: tuple[Output, Tensor, int] | None = None
        """What the layer that ran last was given, and its version, until a backward pass begins."""
        self.outputs: list[Output] = []
        """In the order in which the layers ran."""
        self._arrivals = 0
        self._calls: dict[str, int] = {}
        self._ran: set[str] = set()
        self._round = 0
        self._round_is_over = False
        self._without_grad: set[str] = set()
        self._held: list[HeldOutput] = []
        self._graphless: dict[int, GraphlessOutput] = {}
        """By the ``id`` of the tensor."""
        self._inherited: dict[int, tuple[Output, Output]] = {}
        """Outputs of the step before with what stands for them here, by their ``id``."""
        self._heir: Activations | None = None
        """Those of the step after, which takes the gradients that were not there in time."""

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
        if tensor is None:
            return False
        if not torch.is_grad_enabled():
            self._without_grad.add(layer)
            return False
        if is_transformed(tensor):
            self._why.setdefault(layer, unmeasured.TRANSFORMED)
            return False
        units = unit_dimension(module, tensor)
        # What goes wrong with one layer is contained for that layer alone.
        place = f"reading the output of {layer}"
        part = self._guard.run(place, part_of, module, tensor, units) or UNKNOWN
        if part.refused is None:
            if not self._is_first_run(layer):
                return False
            if self._guard.run(place, self._add, layer, args, tensor, part, units):
                return True
        self._why.setdefault(layer, unmeasured.output(part.refused or unmeasured.NOT_READ))
        return False

    def _add(
        self, layer: str, args: tuple[object, ...], tensor: Tensor, part: Part, units: int
    ) -> bool:
        number = self._calls.get(layer, 0)
        self._calls[layer] = number + 1
        call = layer, number
        known = self._nonlinearities.get(call)
        note = Output(layer, part.values.numel(), self._slot(part.values, units, known))
        note.place, note.dims = part.place, part.dims
        note.doubt = _doubt_of_part(note, known)
        note.data_nonfinite = self._data_nonfinite(args)
        note.round = self._round
        self.outputs.append(note)
        if self._last is None or layer in self._last:
            given = first_tensor(args[0]) if args else None
            if self._last is not None:
                self._measure_spread(note, given)
            else:
                self._latest = None if given is None else (note, given.detach(), version(given))
        if not tensor.is_leaf:
            note.is_awaited = self._on_gradient(tensor, Activations.add_gradient, self, note)
            note.is_hidden = not note.is_awaited
            if note.is_hidden:
                self._why.setdefault(layer, unmeasured.TOO_LARGE)
        elif tensor.requires_grad:
            self._why.setdefault(layer, unmeasured.LEAF)
        if call not in self._nonlinearities and not note.is_hidden:
            self._hold(call, note, tensor, part.values, units)
        return True

    def add_operation(
        self,
        layer: str,
        node: Node,
        values: Tensor | None,
        nonlinearity: Nonlinearity | None,
        units: int,
    ) -> None:
        """Adds the output of a layer that is no module; a backward pass is about to go through it.

        Args:
            layer: name of the layer.
            node: the node that made the output.
            values: the output; None where it is not at hand.
            nonlinearity: what is still to be applied to the values.
            units: the dimension of units, from the end.
        """
        slot = None
        if values is not None:
            place = f"reading the output of {layer}"
            slot = self._guard.run(place, self._slot, values, units, nonlinearity)
        size = 0 if values is None else values.numel()
        note = Output(layer, size, slot or Slot.unmeasured(), round=self._round)
        note.doubt = unmeasured.OPERATION if slot is None else None
        self.outputs.append(note)
        note.is_awaited = self._on_gradient(node, Activations.add_gradient, self, note)

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

    def _hold(self, call: Call, note: Output, tensor: Tensor, values: Tensor, units: int) -> None:
        if tensor.requires_grad:
            note.doubt = unmeasured.NO_BACKWARD
            self._held.append(
                HeldOutput(call, note, values, node_of(tensor), version(values), units)
            )
        else:
            note.doubt = unmeasured.NO_GRAPH
            graphless = GraphlessOutput(call, note, ref(tensor), version(values), units)
            self._graphless[id(tensor)] = graphless

    def match_activation_module(
        self, module: nn.Module, args: tuple[object, ...]
    ) -> dict[str, str]:
        """An activation module has run: it may have been given an output without a graph.

        Returns:
            The kinds of activation functions newly found, by layer.
        """
        tensor = args[0] if self._graphless and args else None
        one = self._graphless.get(id(tensor))
        if one is None or not isinstance(tensor, Tensor) or one.tensor() is not tensor:
            return {}
        found = nonlinearity_of(module, tensor)
        if found is None:
            return {}
        del self._graphless[id(tensor)]
        self._apply_found(one, local_part(tensor), found)
        return {one.call[0]: found.kind}

    def find_nonlinearities(self, roots: Sequence[Tensor]) -> dict[str, str]:
        """Searches the graph for activation functions that are not known yet.

        Args:
            roots: where the backward pass that is about to run starts.

        Returns:
            The kinds newly found, by layer.
        """
        if self._latest is not None:
            (note, tensor, number), self._latest = self._latest, None
            if version(tensor) == number:
                self._measure_spread(note, tensor)
        if not self._held:
            return {}
        held, self._held = self._held, []
        # A module may return what its child has given: both have the same node.
        numbers = {one.node: number for number, one in enumerate(held)}
        found = find_nonlinearities(roots, numbers)
        kinds: dict[str, str] = {}
        for one in held:
            number = numbers[one.node]
            if number not in found:
                # This pass does not go through it; another of the same step may.
                self._held.append(one)
                continue
            nonlinearity = found[number]
            if nonlinearity is not None:
                kinds.setdefault(one.call[0], nonlinearity.kind)
            self._apply_found(one, one.tensor, nonlinearity)
        return kinds

    def _measure_spread(self, note: Output, given: Tensor | None) -> None:
        if given is None or (is_sharded(given) and is_spread(given)):
            return
        place = f"reading how the inputs of {note.layer} differ"
        note.spread = self._guard.run(place, batch_spread, local_part(given), self._readback)

    def _apply_found(
        self, one: HeldOutput | GraphlessOutput, tensor: Tensor, nonlinearity: Nonlinearity | None
    ) -> None:
        """Measures an output again, now that its activation function is known."""
        self._nonlinearities[one.call] = nonlinearity
        one.output.doubt = _doubt_of_part(one.output, nonlinearity)
        if nonlinearity is None or one.output.doubt is not None:
            return
        # Applied in place, it has already turned the held output into what is to be measured.
        if version(tensor) != one.version:
            nonlinearity = nonlinearity.applied()
        place = f"reading the output of {one.call[0]}"
        slot = self._guard.run(place, self._slot, tensor, one.units, nonlinearity)
        one.output.forward = slot or Slot.unmeasured()

    def end_round(self) -> None:
        """A backward pass has run: forwards from now on belong to the next round."""
        self._round_is_over = True
        self._graphless = {}

    def drop_gradients(self) -> None:
        """Drops the gradients that came back so far: they led to nothing that was used."""
        for note in self.outputs:
            note.backward, note.gradients = None, 0

    def inherit(self, before: Activations) -> None:
        """Takes over outputs of the step before that no backward pass has reached yet.

        A generator's, say, which a judge was trained with first. They count only if one does now.
        """
        if not self._takes_turns:
            return
        own = [note for note in before.outputs if note.is_awaited and not note.gradients]
        if not own:
            return
        before._heir = self
        self._inherited = {id(note): (note, replace(note, round=self._round)) for note in own}
        self.outputs += [mine for _, mine in self._inherited.values()]
        held, before._held = before._held, []
        self._held = [
            replace(one, output=self._inherited[id(one.output)][1])
            for one in held
            if id(one.output) in self._inherited
        ]

    def add_gradient(self, note: Output, gradient: Tensor) -> None:
        """The gradient of an output has come back, in this step or in the one after it."""
        if id(note) in self._inherited:
            note = self._inherited[id(note)][1]
        if self._heir is not None:
            self._heir.add_gradient(note, gradient)
            return
        note.gradients += 1
        self._arrivals += 1
        note.arrival = self._arrivals
        note.size = note.size or gradient.numel()
        place = f"reading the gradient of the output of {note.layer}"
        slot = self._guard.run(place, self._gradient_slot, note, gradient)
        note.backward = slot or Slot.unmeasured()

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
        self._graphless, self._latest = {}, None
        late = {id(mine) for _, mine in self._inherited.values() if not mine.gradients}
        self.outputs = [note for note in self.outputs if id(note) not in late]
        # What no pass has reached may be reached in the next step, where optimizers take turns.
        waiting = self._held if self._takes_turns else []
        self._held = [one for one in waiting if id(one.output) not in late]

    def explain_unseen(self, layers: Iterable[str], reason: str) -> None:
        """Gives a reason for each of the layers whose output was not seen in this step.

        Args:
            layers: all that should have been.
            reason: why, where nothing better is known.
        """
        seen = {note.layer for note in self.outputs}
        for layer in layers:
            if layer not in seen:
                self._why.setdefault(
                    layer, unmeasured.NO_GRAD_MODE if layer in self._without_grad else reason
                )

    def _data_nonfinite(self, args: tuple[object, ...]) -> Fetch | None:
        # Later arguments may be masks, with infinities on purpose.
        given = args[0] if args else None
        # Not by its ``grad_fn``: that would have Python see the node (see ``most_nodes``).
        if type(given) is Tensor and not given.is_leaf:
            return None  # as nearly every layer's
        tensor = first_tensor(given)
        # What no operation made is data: it came into the model from outside.
        if tensor is None or not tensor.is_leaf or tensor.numel() == 0:
            return None
        try:
            values = plain(local_part(tensor))
        except UnreadableError:
            return None
        if values.is_meta or values.is_nested:
            return None
        if values.is_cpu and np.isfinite(as_numpy(l2(values))):
            return None
        return self._readback.add(values.numel() - torch.isfinite(values).sum())

    def _gradient_slot(self, note: Output, gradient: Tensor) -> Slot | None:
        # That of a local tensor is local, and divided alike.
        is_alike = not is_sharded(gradient) or dims_of(gradient) == note.dims
        try:
            own = arrived(local_part(gradient)) if is_alike else gradient
            entries = _with_dimensions(plain(own))
        except UnreadableError as error:
            self._why.setdefault(note.layer, unmeasured.output_gradient(str(error)))
            return None
        if entries.numel() > ALONE:
            return Slot(RowStatistics(*gradient_statistics(entries[None], self._readback)), 0)
        return self._buffers.buffer_for("gradient", entries, gradient_statistics).put(
            entries, self._readback
        )

    def _slot(self, tensor: Tensor, units: int, nonlinearity: Nonlinearity | None) -> Slot:
        """Where the statistics of an output after its activation function will be."""
        entries = _with_dimensions(plain(tensor))
        measure = partial(output_statistics, units=units, nonlinearity=nonlinearity)
        if entries.numel() > ALONE:
            return Slot(RowStatistics(*measure(entries[None], self._readback)), 0)
        return self._buffers.buffer_for((units, nonlinearity), entries, measure).put(
            entries, self._readback
        )


def _doubt_of_part(note: Output, nonlinearity: Nonlinearity | None) -> str | None:
    """Why an activation function cannot be applied to what this process has of an output."""
    has_all_it_needs = nonlinearity is None or nonlinearity.pointwise
    is_whole = all(dim is None for dim in note.dims)
    return None if has_all_it_needs or is_whole else unmeasured.output(unmeasured.SHARD)


def _with_dimensions(entries: Tensor) -> Tensor:
    """A single number, such as a loss that a layer returns, is one unit."""
    return entries.reshape(1) if entries.dim() == 0 else entries
