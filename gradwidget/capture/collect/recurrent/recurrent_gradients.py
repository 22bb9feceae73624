"""How the gradient of a recurrent layer changes along time.

The fused kernels of ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU`` show the gradient of their output, which
is only what each hidden state gives to the loss directly: with a loss on the last step it is
exactly 0 before it. What matters is the total, with what comes back through later steps. So it is
worked out after the backward pass, from what the layer read and gave and the gradients that reached
that; nothing of the user's is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from gradwidget.capture.collect.output_gradients import OnGradient
from gradwidget.capture.collect.recurrent.bptt import RecurrentPass, backpropagate
from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.sampling.recurrent_schedule import RecurrentSchedule
from gradwidget.capture.stats.norms import l2
from gradwidget.capture.stats.readback import Fetch, Readback, Values
from gradwidget.capture.stats.tensor_stats import norms_of_rows
from gradwidget.capture.unmeasured import DROPOUT, PACKED
from gradwidget.frame import FloatArray, RecurrentProfile

State = tuple[Tensor, ...]

CELLS = (nn.RNNCellBase,)

RECURRENT = (nn.RNNBase, *CELLS)
"""The modules whose calls are measured along time."""

FORWARDS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "LSTM": torch.lstm,
    "GRU": torch.gru,
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
}


@dataclass(slots=True)
class RecurrentCall:
    """One call of a recurrent layer: its inputs, its outputs and the gradients of these."""

    layer: str
    module: nn.RNNBase
    inputs: Tensor
    states: State
    outputs: tuple[Tensor, ...]
    gradients: dict[int, Tensor] = field(default_factory=dict)


@dataclass(slots=True)
class CellCall:
    """One call of a recurrent cell."""

    is_cut: bool
    """Whether it was given the state of the call before without its graph."""
    norm: Fetch | None = None
    """Of the gradient at its state; None where none has come."""


@dataclass(slots=True)
class PendingProfile:
    """Norms of one layer and direction, on their way from the device."""

    layer: str
    depth: int
    reverse: bool
    norms: Fetch
    """Float64 [T]."""


class RecurrentGradients:
    """Collects the recurrent layers of one step.

    Args:
        readback: brings the norms.
        on_gradient: registers what is to be done with the gradient of a tensor.
        reasons: why a layer could not be measured along time, by layer name; added to.
        schedule: decides whether layers that take long are measured in this step.
        step: number of the step.
    """

    def __init__(
        self,
        readback: Readback,
        on_gradient: OnGradient,
        reasons: dict[str, str],
        schedule: RecurrentSchedule,
        step: int,
    ) -> None:
        self._readback = readback
        self._on_gradient = on_gradient
        self._reasons = reasons
        self._schedule = schedule
        self._step = step
        self._is_due: bool | None = None
        self._calls: dict[str, RecurrentCall] = {}
        self._cells: dict[str, list[CellCall]] = {}
        self._states: dict[str, Tensor] = {}
        """The newest state of each cell, without its graph; kept so that its memory is not reused.
        """
        self._profiles: list[PendingProfile] = []

    def add_call(
        self,
        layer: str,
        module: nn.Module,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        output: object,
    ) -> None:
        """Notes a call of a recurrent layer, which is one of ``RECURRENT``."""
        if not torch.is_grad_enabled():
            return
        if isinstance(module, nn.RNNBase):
            self._add_fused(layer, module, args, kwargs, output)
        else:
            hidden = output[0] if isinstance(output, tuple) else output
            if isinstance(hidden, Tensor) and hidden.requires_grad:
                given = args[1] if len(args) > 1 else kwargs.get("hx")
                call = CellCall(_is_without_graph(given, self._states.get(layer)))
                self._states[layer] = hidden.detach()
                self._cells.setdefault(layer, []).append(call)
                self._on_gradient(hidden, self._add_cell_gradient, call)

    def measure_calls(self) -> None:
        """Measures the calls that gradients have reached, and releases what they were given."""
        calls, self._calls, self._states = self._calls, {}, {}
        for call in calls.values():
            if call.gradients:
                with torch.no_grad():
                    self._profiles += self._measured(call)

    def clear(self) -> None:
        """Drops everything: what it led to was cleared."""
        self._calls, self._cells, self._states, self._profiles = {}, {}, {}, []

    def profiles(self, scale: float) -> tuple[RecurrentProfile, ...]:
        """The profiles. Only once the readback is ready.

        Args:
            scale: what the loss was multiplied by.
        """
        profiles = [
            RecurrentProfile(
                one.layer, "dL/dh", _scaled(one.norms(), scale), one.depth, one.reverse
            )
            for one in self._profiles
        ]
        for layer, calls in self._cells.items():
            reached = _reached(calls)
            if len(reached) > 1:
                profiles.append(RecurrentProfile(layer, "dL/dh", _scaled(np.array(reached), scale)))
        return tuple(profiles)

    def _add_cell_gradient(self, call: CellCall, gradient: Tensor) -> None:
        call.norm = self._readback.add(l2(gradient.detach()))

    def _add_fused(
        self,
        layer: str,
        module: nn.RNNBase,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        output: object,
    ) -> None:
        inputs = args[0] if args else kwargs.get("input")
        given = args[1] if len(args) > 1 else kwargs.get("hx")
        if isinstance(inputs, PackedSequence):
            self._reasons[layer] = PACKED
            return
        if module.dropout and module.training and module.num_layers > 1:
            self._reasons[layer] = DROPOUT
            return
        if not isinstance(inputs, Tensor) or not isinstance(output, tuple):
            return
        states = given if isinstance(given, tuple) else () if given is None else (given,)
        last = output[1] if isinstance(output[1], tuple) else (output[1],)
        outputs = (output[0], *last)
        # The schedule is asked once per step.
        if self._is_due is None:
            self._is_due = self._schedule.take(self._step)
        if not self._is_due:
            return
        call = RecurrentCall(
            layer,
            module,
            inputs.detach(),
            tuple(one.detach() for one in states),
            tuple(one.detach() for one in outputs),
        )
        self._calls[layer] = call
        for number, one in enumerate(outputs):
            if one.requires_grad:
                self._on_gradient(one, _add_gradient, call, number)

    def _measured(self, call: RecurrentCall) -> list[PendingProfile]:
        """The profiles of a layer's stack, the one nearest the input first."""
        stack = _stack(call)
        directions = 2 if call.module.bidirectional else 1
        profiles: list[PendingProfile] = []
        out = (
            _in_time(call.gradients[0], call)
            if 0 in call.gradients
            else torch.zeros_like(_outputs(call))
        )
        for depth in reversed(range(call.module.num_layers)):
            below = torch.zeros_like(stack[depth * directions].x)
            for direction, part in enumerate(out.chunk(directions, -1)):
                place = depth * directions + direction
                last = _last_gradients(call, place, len(part[0]))
                flow = backpropagate(stack[place], part.flip(0) if direction else part, last)
                below += flow.x.flip(0) if direction else flow.x
                h = flow.h.flip(0) if direction else flow.h
                profiles.append(
                    PendingProfile(
                        call.layer,
                        depth,
                        direction == 1,
                        norms_of_rows(h.flatten(1), self._readback),
                    )
                )
            out = below
        return sorted(profiles, key=lambda one: (one.depth, one.reverse))


def _is_without_graph(given: object, state: Tensor | None) -> bool:
    """Whether a cell was given that state, detached: ``detach`` shares the memory."""
    hidden = given[0] if isinstance(given, (tuple, list)) and given else given
    if state is None or not isinstance(hidden, Tensor) or hidden.requires_grad:
        return False
    if unreadable(hidden) is not None or unreadable(state) is not None:
        return False
    return hidden.data_ptr() == state.data_ptr()


def _reached(calls: list[CellCall]) -> list[float]:
    """The norm at each call that a gradient has reached, and 0 where the way to it was cut.

    A call without a gradient that nothing followed belongs to no sequence that is learned from.
    """
    norms: list[float] = []
    is_cut = False
    for call in reversed(calls):
        if call.norm is None and not is_cut:
            continue
        norms.append(0.0 if call.norm is None else float(call.norm()))
        is_cut = call.is_cut
    return norms[::-1]


def _add_gradient(call: RecurrentCall, number: int, gradient: Tensor) -> None:
    call.gradients[number] = gradient.detach()


def _stack(call: RecurrentCall) -> list[RecurrentPass]:
    """Every layer of the stack in every direction, as it has run.

    The hidden states below the top are computed again.
    """
    module = call.module
    directions = 2 if module.bidirectional else 1
    x = _in_time(call.inputs, call)
    stack: list[RecurrentPass] = []
    for depth in range(module.num_layers):
        places = range(depth * directions, (depth + 1) * directions)
        weights = [
            [one.detach().to(torch.float32) for one in module.all_weights[place]]
            for place in places
        ]
        starts = [_start(call, place, x) for place in places]
        h = (
            _outputs(call)
            if depth == module.num_layers - 1
            else _forward(module, x, starts, weights)
        )
        for direction, part in enumerate(h.chunk(directions, -1)):
            read, states = (x.flip(0), part.flip(0)) if direction else (x, part)
            stack.append(
                RecurrentPass(
                    module.mode, weights[direction], module.bias, read, states, starts[direction]
                )
            )
        x = h
    return stack


def _forward(
    module: nn.RNNBase, x: Tensor, starts: list[State], weights: list[list[Tensor]]
) -> Tensor:
    """The hidden states of one layer of the stack [T, B, directions * H], by torch's own kernel."""
    states = [torch.stack(states) for states in zip(*starts, strict=True)]
    everything = [one for each in weights for one in each]
    run = FORWARDS[module.mode]
    out: Tensor = run(
        x,
        states if module.mode == "LSTM" else states[0],
        everything,
        module.bias,
        1,
        0.0,
        False,  # noqa: FBT003  # torch takes none of these by name
        module.bidirectional,
        False,  # noqa: FBT003  # as above
    )[0]
    return out


def _in_time(tensor: Tensor, call: RecurrentCall) -> Tensor:
    """Inputs, outputs or their gradients as [T, B, ...] in float32."""
    if call.inputs.dim() == 2:
        tensor = tensor[:, None]
    elif call.module.batch_first:
        tensor = tensor.transpose(0, 1)
    return tensor.to(torch.float32)


def _outputs(call: RecurrentCall) -> Tensor:
    return _in_time(call.outputs[0], call)


def _start(call: RecurrentCall, place: int, x: Tensor) -> State:
    if call.states:
        return tuple(
            state[place].reshape(x.shape[1], -1).to(torch.float32) for state in call.states
        )
    module = call.module
    sizes = (module.proj_size or module.hidden_size, module.hidden_size)[
        : 2 if module.mode == "LSTM" else 1
    ]
    return tuple(x.new_zeros(x.shape[1], size) for size in sizes)


def _last_gradients(call: RecurrentCall, place: int, batch: int) -> list[Tensor | None]:
    """Those of the last states of one layer and direction."""
    found = [call.gradients.get(number) for number in range(1, len(call.outputs))]
    return [
        None if one is None else one[place].reshape(batch, -1).to(torch.float32) for one in found
    ]


def _scaled(norms: Values, scale: float) -> FloatArray:
    return (norms / scale).astype(np.float32)
