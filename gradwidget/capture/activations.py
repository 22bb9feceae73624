"""What flows out of each layer and what gradient flows back into its output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from gradwidget.capture.followers import Node, followers
from gradwidget.capture.internals import in_backward, version
from gradwidget.capture.nonlinearity import Nonlinearity
from gradwidget.capture.norms import l2, plain
from gradwidget.capture.readback import Fetch, Readback, as_numpy

OnGradient = Callable[[Tensor, Callable[[Tensor], None]], None]
"""Given a tensor and what to do with its gradient; the doing may be contained, timed or left out."""

Call = tuple[str, int]
"""Name of a layer and the number of its call within the step."""


@dataclass(slots=True)
class Output:
    """One output of one call of a layer, and the gradient that came back to it."""

    layer: str
    size: int
    norm: Fetch
    nonzero: Fetch
    nonfinite: Fetch
    alive: Fetch
    """For each unit (the last dimension; channels of a convolution) whether it was ever other than 0."""
    saturated: Fetch | None = None
    gradient: Fetch | None = None
    gradient_nonzero: Fetch | None = None
    gradients: int = 0
    arrival: int = 0
    """In which order the gradients arrived."""
    data_nonfinite: Fetch | None = None
    """How many entries of the data that the layer was given are not finite; None where it was given no raw data."""


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
class Followers:
    """What is known about what follows each call of each layer; lives as long as the capture."""

    known: dict[Call, Nonlinearity | None] = field(default_factory=dict)


class Activations:
    """Collects the outputs of the layers of one step.

    Figures describe an output after the elementwise nonlinearity that follows it. Which one does is found in the graph
    once a layer and call: until then the output itself is held from forward to backward; later nothing is. Only the
    first floating-point tensor of a structured output is looked at. Several calls of a layer, and several
    micro-batches, are taken together.

    Args:
        readback: brings the figures.
        on_gradient: registers what is to be done with the gradient of a tensor.
        known: what follows which output.
    """

    def __init__(self, readback: Readback, on_gradient: OnGradient, known: Followers) -> None:
        self._readback = readback
        self._on_gradient = on_gradient
        self._known = known.known
        self.outputs: list[Output] = []
        """In the order in which the layers ran."""
        self._arrivals = 0
        self._calls: dict[str, int] = {}
        self._unknown: list[Unknown] = []

    def passed(self, layer: str, module: nn.Module, args: tuple[object, ...], output: object) -> None:
        """Takes note of an output.

        Args:
            layer: its name.
            module: the layer itself.
            args: what its forward was given.
            output: what its forward returned.
        """
        tensor = first_tensor(output)
        if tensor is None or not torch.is_grad_enabled() or tensor.is_meta or tensor.numel() == 0:
            return
        number = self._calls.get(layer, 0)
        if in_backward() and number:
            return
        self._calls[layer] = number + 1
        call = layer, number
        units = _unit_dimension(module, tensor)
        with torch.no_grad():
            note = self._measured(layer, tensor, units, self._known.get(call))
            note.data_nonfinite = self._data_nonfinite(args)
        self.outputs.append(note)
        if tensor.requires_grad:
            if call not in self._known and tensor.grad_fn is not None:
                self._unknown.append(Unknown(call, note, tensor, tensor.grad_fn, version(tensor), units))
            self._on_gradient(tensor, partial(self._flowed, note))

    def backward_begins(self, roots: Sequence[Tensor]) -> dict[str, str]:
        """Looks up what follows outputs that are not known yet; gives the kinds newly found, by layer."""
        if not self._unknown:
            return {}
        unknown, self._unknown = self._unknown, []
        found = followers(roots, {one.node: number for number, one in enumerate(unknown)})
        kinds: dict[str, str] = {}
        for number, one in enumerate(unknown):
            if number not in found:
                self._unknown.append(one)  # this pass does not go through it; another of the same step may
                continue
            follower = self._known[one.call] = found[number]
            if follower is None:
                continue
            kinds.setdefault(one.call[0], follower.kind)
            # Worked in place, the nonlinearity has already turned the held output into what is wanted.
            in_place = version(one.tensor) != one.version
            with torch.no_grad():
                after = self._measured(one.call[0], one.tensor, one.units, follower, applied=in_place)
            kept = one.output
            kept.norm, kept.nonzero, kept.nonfinite = after.norm, after.nonzero, after.nonfinite
            kept.alive, kept.saturated = after.alive, after.saturated
        return kinds

    def _flowed(self, note: Output, gradient: Tensor) -> None:
        note.gradients += 1
        self._arrivals += 1
        note.arrival = self._arrivals
        entries = plain(gradient)
        note.gradient = self._readback.add(l2(entries))
        note.gradient_nonzero = self._readback.add(torch.count_nonzero(entries))

    def forget(self) -> None:
        """Drops outputs that a gradient has reached: the gradients that it led to were cleared."""
        self.outputs = [note for note in self.outputs if not note.gradients]
        # Those of the forward that has just run stay: an optimizer with a closure evaluates the loss several times.
        self._unknown = [one for one in self._unknown if not one.output.gradients]

    def finish(self) -> None:
        """Lets go of what is still held."""
        self._unknown = []

    def gather(self, scale: float) -> dict[str, dict[str, float]]:
        """Figures by metric and layer name. Only once the readback is ready.

        Args:
            scale: what the loss was multiplied by.
        """
        figures: dict[str, dict[str, float]] = {}
        calls: dict[str, list[Output]] = {}
        for note in self.outputs:
            calls.setdefault(note.layer, []).append(note)
        for layer, notes in calls.items():
            # A forward that no backward followed was an evaluation; where no gradient can flow every forward counts.
            used = [note for note in notes if note.gradients] or notes
            for name, value in (_forward_figures(used) | _backward_figures(used, scale)).items():
                figures.setdefault(name, {})[layer] = value
        return figures

    def _data_nonfinite(self, args: tuple[object, ...]) -> Fetch | None:
        tensor = first_tensor(args)
        # What no operation made is data: it came into the model from outside.
        if tensor is None or tensor.grad_fn is not None or tensor.numel() == 0:
            return None
        values = plain(tensor)
        if values.is_cpu and np.isfinite(as_numpy(l2(values))):
            return None
        return self._readback.add(values.numel() - torch.isfinite(values).sum())

    def _measured(
        self, layer: str, tensor: Tensor, units: int, follower: Nonlinearity | None, *, applied: bool = False
    ) -> Output:
        values = plain(tensor)
        if follower is not None and not applied:
            values = follower.apply(values)
        norm, nonzero = self._readback.add(l2(values)), self._readback.add(torch.count_nonzero(values))
        nowhere: NDArray[np.float64] = np.zeros(())
        on_cpu = values.is_cpu
        nonfinite: Fetch = lambda: nowhere  # noqa: E731  # a constant in the place of a reading
        if not (on_cpu and np.isfinite(norm())):
            nonfinite = self._readback.add(values.numel() - torch.isfinite(values).sum())
        everywhere = np.ones(values.shape[units] if values.dim() else 1)
        alive: Fetch = lambda: everywhere  # noqa: E731  # see above
        if not (on_cpu and nonzero() == values.numel()) and values.dim():
            others = [dim for dim in range(values.dim()) if dim != units % values.dim()]
            alive = self._readback.add((values != 0).any(dim=others) if others else values != 0)
        saturated = None
        if follower is not None and follower.saturated is not None:
            saturated = self._readback.add(follower.saturated(values).to(torch.float32).mean())
        return Output(layer, values.numel(), norm, nonzero, nonfinite, alive, saturated)


def _forward_figures(notes: list[Output]) -> dict[str, float]:
    size = sum(note.size for note in notes)
    figures = {
        "act_rms": float(np.sqrt(sum(note.norm() ** 2 for note in notes) / size)),
        "act_zero_fraction": 1 - float(sum(note.nonzero() for note in notes)) / size,
        "act_nonfinite": float(sum(note.nonfinite() for note in notes)),
    }
    alive = [note.alive() for note in notes]
    if len({len(one) for one in alive}) == 1:
        figures["act_dead_fraction"] = 1 - float(np.mean(np.max(alive, axis=0)))
    shares = [(note.saturated(), note.size) for note in notes if note.saturated is not None]
    if shares:
        figures["act_saturated_fraction"] = float(sum(share * many for share, many in shares)) / sum(
            many for _, many in shares
        )
    return figures


def _backward_figures(notes: list[Output], scale: float) -> dict[str, float]:
    flows = [(note.gradient(), note.gradient_nonzero()) for note in notes if note.gradient and note.gradient_nonzero]
    # Two backward passes through one output: the sum of their gradients is known to nobody here.
    if not flows or any(note.gradients > 1 for note in notes):
        return {}
    size = sum(note.size for note in notes)
    norm = float(np.sqrt(sum(norm**2 for norm, _ in flows))) / scale
    return {
        "act_grad_norm": norm,
        "act_grad_rms": norm / float(np.sqrt(size)),
        "act_grad_zero_fraction": 1 - float(sum(nonzero for _, nonzero in flows)) / size,
    }


def _unit_dimension(module: nn.Module, tensor: Tensor) -> int:
    """The dimension of units: channels of a convolution and of what normalises channels, else the last."""
    if isinstance(module, _ConvNd):
        return -1 - len(module.kernel_size)
    if isinstance(module, (_NormBase, nn.GroupNorm)) and tensor.dim() > 2:
        return 1
    return -1


def first_tensor(output: object) -> Tensor | None:
    """The first floating-point or complex tensor in a module's output, also inside tuples, dicts and dataclasses."""
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
