"""How the gradient of a recurrent layer runs along the time axis.

The fused kernels of ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU`` show the gradient of their output, which is only what each
hidden state gives to the loss directly: with a loss on the last step it is exactly 0 before it. What matters is the
total, with what comes back through later steps. So the layer is run again after the backward pass, step by step, on the
same inputs and with the gradients that reached its outputs; nothing of the user's is touched by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from gradwidget.capture.activations import OnGradient
from gradwidget.capture.norms import l2
from gradwidget.capture.readback import Fetch, Readback
from gradwidget.frame import RecurrentProfile

State = tuple[Tensor, ...]
Cell = Callable[[Tensor, State, list[Tensor]], State]

CELLS = (nn.RNNCellBase,)


@dataclass(slots=True)
class Run:
    """One call of a recurrent layer: its inputs, and the gradients that came back to its outputs."""

    layer: str
    module: nn.RNNBase
    inputs: Tensor
    states: State
    outputs: tuple[Tensor, ...]
    gradients: dict[int, Tensor] = field(default_factory=dict)


@dataclass(slots=True)
class Profile:
    """Norms on their way from the device."""

    layer: str
    depth: int
    reverse: bool
    norms: list[Fetch]


class Recurrent:
    """Collects the recurrent layers of one step.

    Args:
        readback: brings the norms.
        on_gradient: registers what is to be done with the gradient of a tensor.
        reasons: why a layer could not be followed, by layer name; added to.
    """

    def __init__(self, readback: Readback, on_gradient: OnGradient, reasons: dict[str, str]) -> None:
        self._readback = readback
        self._on_gradient = on_gradient
        self._reasons = reasons
        self._runs: dict[str, Run] = {}
        self._cells: dict[str, list[Fetch | None]] = {}
        self._profiles: list[Profile] = []

    def passed(
        self, layer: str, module: nn.Module, args: tuple[object, ...], kwargs: Mapping[str, object], output: object
    ) -> None:
        """Takes note of a call of a recurrent layer; others are none of its business."""
        if not torch.is_grad_enabled():
            return
        if isinstance(module, nn.RNNBase):
            self._run(layer, module, args, kwargs, output)
        elif isinstance(module, CELLS):
            hidden = output[0] if isinstance(output, tuple) else output
            if isinstance(hidden, Tensor) and hidden.requires_grad:
                norms = self._cells.setdefault(layer, [])
                norms.append(None)
                self._on_gradient(hidden, partial(self._cell_flowed, layer, len(norms) - 1))

    def backward_ended(self) -> None:
        """Runs the layers again that gradients have reached, and lets go of their inputs."""
        runs, self._runs = self._runs, {}
        for run in runs.values():
            if run.gradients:
                with torch.no_grad():
                    self._profiles += self._replayed(run)

    def forget(self) -> None:
        """Drops everything."""
        self._runs, self._cells, self._profiles = {}, {}, []

    def gather(self, scale: float) -> tuple[RecurrentProfile, ...]:
        """The profiles. Only once the readback is ready.

        Args:
            scale: what the loss was multiplied by.
        """
        profiles = [
            RecurrentProfile(one.layer, "dL/dh", _as_array(one.norms, scale), one.depth, one.reverse)
            for one in self._profiles
        ]
        for layer, norms in self._cells.items():
            reached = [norm for norm in norms if norm is not None]
            if len(reached) > 1:
                profiles.append(RecurrentProfile(layer, "dL/dh", _as_array(reached, scale)))
        return tuple(profiles)

    def _cell_flowed(self, layer: str, place: int, gradient: Tensor) -> None:
        norms = self._cells.get(layer, [])
        if place < len(norms):
            norms[place] = self._readback.add(l2(gradient.detach()))

    def _run(
        self, layer: str, module: nn.RNNBase, args: tuple[object, ...], kwargs: Mapping[str, object], output: object
    ) -> None:
        inputs = args[0] if args else kwargs.get("input")
        given = args[1] if len(args) > 1 else kwargs.get("hx")
        if isinstance(inputs, PackedSequence):
            self._reasons[layer] = "Its gradient over time is not followed: the sequences are packed."
            return
        if module.dropout and module.training and module.num_layers > 1:
            self._reasons[layer] = (
                "Its gradient over time is not followed: dropout between its layers cannot be repeated."
            )
            return
        if not isinstance(inputs, Tensor) or not isinstance(output, tuple):
            return
        states = given if isinstance(given, tuple) else () if given is None else (given,)
        last = output[1] if isinstance(output[1], tuple) else (output[1],)
        outputs = (output[0], *last)
        run = Run(
            layer,
            module,
            inputs.detach(),
            tuple(one.detach() for one in states),
            tuple(one.detach() for one in outputs),
        )
        self._runs[layer] = run
        for number, one in enumerate(outputs):
            if one.requires_grad:
                self._on_gradient(one, partial(_reached, run, number))

    def _replayed(self, run: Run) -> list[Profile]:
        module = run.module
        batched = run.inputs.dim() == 3
        first = module.batch_first and batched
        below = (run.inputs.transpose(0, 1) if first else run.inputs).to(torch.float32)
        directions = 2 if module.bidirectional else 1
        cell = _cell(module)
        hidden: list[list[Tensor]] = []
        ends: list[State] = []
        with torch.enable_grad():
            for depth in range(module.num_layers):
                across = []
                for direction in range(directions):
                    weights = [
                        one.detach().to(torch.float32) for one in module.all_weights[depth * directions + direction]
                    ]
                    state = _start(run, depth * directions + direction, below)
                    over_time: list[Tensor] = []
                    for step in reversed(range(len(below))) if direction else range(len(below)):
                        state = cell(below[step], state, weights)
                        if not state[0].requires_grad:
                            state = (state[0].requires_grad_(), *state[1:])
                        over_time.append(state[0])
                    ends.append(state)
                    in_time = over_time[::-1] if direction else over_time
                    hidden.append(in_time)
                    across.append(torch.stack(in_time))
                below = torch.cat(across, -1)
            roots, gradients = _roots(run, below, ends, first=first)
        everything = [one for over_time in hidden for one in over_time]
        flowed: Sequence[Tensor | None] = torch.autograd.grad(roots, everything, gradients, allow_unused=True)
        norms = [
            self._readback.add(l2(gradient) if gradient is not None else torch.zeros((), device=below.device))
            for gradient in flowed
        ]
        length = len(below)
        return [
            Profile(
                run.layer,
                number // directions,
                number % directions == 1,
                norms[number * length : (number + 1) * length],
            )
            for number in range(len(hidden))
        ]


def _reached(run: Run, number: int, gradient: Tensor) -> None:
    run.gradients[number] = gradient.detach()


def _roots(run: Run, top: Tensor, ends: list[State], *, first: bool) -> tuple[list[Tensor], list[Tensor]]:
    """What the loss was computed from, and the gradient that it sent back there."""
    found: list[Tensor] = []
    gradients: list[Tensor] = []
    for number, gradient in run.gradients.items():
        root = top if number == 0 else torch.stack([state[number - 1] for state in ends])
        found.append(root)
        gradients.append((gradient.transpose(0, 1) if number == 0 and first else gradient).to(root.dtype))
    return found, gradients


def _start(run: Run, place: int, below: Tensor) -> State:
    count = 2 if isinstance(run.module, nn.LSTM) else 1
    if run.states:
        return tuple(state[place].to(torch.float32) for state in run.states)
    shape = below.shape[1:-1]
    sizes = (run.module.proj_size or run.module.hidden_size, run.module.hidden_size)[:count]
    return tuple(below.new_zeros(*shape, size) for size in sizes)


def _cell(module: nn.RNNBase) -> Cell:
    if isinstance(module, nn.LSTM):
        return _lstm
    if isinstance(module, nn.GRU):
        return _gru
    nonlinearity = torch.relu if module.mode == "RNN_RELU" else torch.tanh
    return lambda x, state, weights: (
        nonlinearity(_affine(x, weights[0], weights[2:3]) + _affine(state[0], weights[1], weights[3:4])),
    )


def _lstm(x: Tensor, state: State, weights: list[Tensor]) -> State:
    biases = weights[2:4] if len(weights) >= 4 else []
    gates = _affine(x, weights[0], biases[:1]) + _affine(state[0], weights[1], biases[1:])
    enter, forget, new, leave = gates.chunk(4, -1)
    c = forget.sigmoid() * state[1] + enter.sigmoid() * new.tanh()
    h = leave.sigmoid() * c.tanh()
    projected = len(weights) % 2 == 1
    return (h @ weights[-1].T if projected else h), c


def _gru(x: Tensor, state: State, weights: list[Tensor]) -> State:
    reset_x, update_x, new_x = _affine(x, weights[0], weights[2:3]).chunk(3, -1)
    reset_h, update_h, new_h = _affine(state[0], weights[1], weights[3:4]).chunk(3, -1)
    update = (update_x + update_h).sigmoid()
    new = (new_x + (reset_x + reset_h).sigmoid() * new_h).tanh()
    return ((1 - update) * new + update * state[0],)


def _affine(x: Tensor, weight: Tensor, bias: list[Tensor]) -> Tensor:
    return nn.functional.linear(x, weight, bias[0] if bias else None)


def _as_array(norms: list[Fetch], scale: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([float(norm()) / scale for norm in norms], np.float32)
