"""How the gradient of a recurrent layer runs along the time axis.

The fused kernels of ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU`` show the gradient of their output, which
is only what each hidden state gives to the loss directly: with a loss on the last step it is
exactly 0 before it. What matters is the total, with what comes back through later steps. So it is
worked out after the backward pass, from what the layer read and gave and the gradients that reached
that; nothing of the user's is touched by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from gradwidget.capture.collect.activations import OnGradient
from gradwidget.capture.collect.bptt import Layer, backpropagate
from gradwidget.capture.stats.norms import l2
from gradwidget.capture.stats.readback import Fetch, Figures, Readback
from gradwidget.capture.stats.tensor_stats import norms_of_rows
from gradwidget.frame import FloatArray, RecurrentProfile

State = tuple[Tensor, ...]

CELLS = (nn.RNNCellBase,)

FORWARDS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "LSTM": torch.lstm,
    "GRU": torch.gru,
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
}


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
    norms: Fetch
    """Float64 [T]."""


class Recurrent:
    """Collects the recurrent layers of one step.

    Args:
        readback: brings the norms.
        on_gradient: registers what is to be done with the gradient of a tensor.
        reasons: why a layer could not be followed, by layer name; added to.
        turn: gives whether it is the turn of layers that take long to follow.
    """

    def __init__(
        self,
        readback: Readback,
        on_gradient: OnGradient,
        reasons: dict[str, str],
        turn: Callable[[], bool],
    ) -> None:
        self._readback = readback
        self._on_gradient = on_gradient
        self._reasons = reasons
        self._turn = turn
        self._is_turn: bool | None = None
        self._runs: dict[str, Run] = {}
        self._cells: dict[str, list[Fetch | None]] = {}
        self._profiles: list[Profile] = []

    def passed(
        self,
        layer: str,
        module: nn.Module,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        output: object,
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
        """Follows the layers that gradients have reached, and lets go of their inputs."""
        runs, self._runs = self._runs, {}
        for run in runs.values():
            if run.gradients:
                with torch.no_grad():
                    self._profiles += self._followed(run)

    def forget(self) -> None:
        """Drops everything."""
        self._runs, self._cells, self._profiles = {}, {}, []

    def gather(self, scale: float) -> tuple[RecurrentProfile, ...]:
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
        for layer, norms in self._cells.items():
            reached = [float(norm()) for norm in norms if norm is not None]
            if len(reached) > 1:
                profiles.append(RecurrentProfile(layer, "dL/dh", _scaled(np.array(reached), scale)))
        return tuple(profiles)

    def _cell_flowed(self, layer: str, place: int, gradient: Tensor) -> None:
        norms = self._cells.get(layer, [])
        if place < len(norms):
            norms[place] = self._readback.add(l2(gradient.detach()))

    def _run(
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
            self._reasons[layer] = (
                "Its gradient over time is not followed: the sequences are packed."
            )
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
        if self._is_turn is None:
            self._is_turn = self._turn()
        if not self._is_turn:
            return
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

    def _followed(self, run: Run) -> list[Profile]:
        """The profiles of a layer's stack, the one nearest the input first."""
        stack = _stack(run)
        directions = 2 if run.module.bidirectional else 1
        profiles: list[Profile] = []
        out = (
            _in_time(run.gradients[0], run)
            if 0 in run.gradients
            else torch.zeros_like(_outputs(run))
        )
        for depth in reversed(range(run.module.num_layers)):
            below = torch.zeros_like(stack[depth * directions].x)
            for direction, part in enumerate(out.chunk(directions, -1)):
                place = depth * directions + direction
                last = _last_gradients(run, place, len(part[0]))
                flow = backpropagate(stack[place], part.flip(0) if direction else part, last)
                below += flow.x.flip(0) if direction else flow.x
                h = flow.h.flip(0) if direction else flow.h
                profiles.append(
                    Profile(
                        run.layer,
                        depth,
                        direction == 1,
                        norms_of_rows(h.flatten(1), self._readback),
                    )
                )
            out = below
        return sorted(profiles, key=lambda one: (one.depth, one.reverse))


def _reached(run: Run, number: int, gradient: Tensor) -> None:
    run.gradients[number] = gradient.detach()


def _stack(run: Run) -> list[Layer]:
    """Every layer of the stack and every direction, as it has run: the hidden states below the top
    are made anew.
    """
    module = run.module
    directions = 2 if module.bidirectional else 1
    x = _in_time(run.inputs, run)
    stack: list[Layer] = []
    for depth in range(module.num_layers):
        places = range(depth * directions, (depth + 1) * directions)
        weights = [
            [one.detach().to(torch.float32) for one in module.all_weights[place]]
            for place in places
        ]
        starts = [_start(run, place, x) for place in places]
        h = (
            _outputs(run)
            if depth == module.num_layers - 1
            else _forward(module, x, starts, weights)
        )
        for direction, part in enumerate(h.chunk(directions, -1)):
            read, states = (x.flip(0), part.flip(0)) if direction else (x, part)
            stack.append(
                Layer(module.mode, weights[direction], module.bias, read, states, starts[direction])
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
        False,  # noqa: FBT003
    )[0]
    return out


def _in_time(tensor: Tensor, run: Run) -> Tensor:
    """Inputs, outputs or their gradients as [T, B, ...] in float32."""
    if run.inputs.dim() == 2:
        tensor = tensor[:, None]
    elif run.module.batch_first:
        tensor = tensor.transpose(0, 1)
    return tensor.to(torch.float32)


def _outputs(run: Run) -> Tensor:
    return _in_time(run.outputs[0], run)


def _start(run: Run, place: int, x: Tensor) -> State:
    if run.states:
        return tuple(state[place].reshape(x.shape[1], -1).to(torch.float32) for state in run.states)
    module = run.module
    sizes = (module.proj_size or module.hidden_size, module.hidden_size)[
        : 2 if module.mode == "LSTM" else 1
    ]
    return tuple(x.new_zeros(x.shape[1], size) for size in sizes)


def _last_gradients(run: Run, place: int, batch: int) -> list[Tensor | None]:
    """Those of the last states of one layer and direction."""
    found = [run.gradients.get(number) for number in range(1, len(run.outputs))]
    return [
        None if one is None else one[place].reshape(batch, -1).to(torch.float32) for one in found
    ]


def _scaled(norms: Figures, scale: float) -> FloatArray:
    return (norms / scale).astype(np.float32)
