"""Backpropagation through time by hand, for the gradients of the hidden states alone.

Autograd would make a graph of every operation of every time step. Here all that does not wait for a
later time step is computed for all of them at once; what is left is a product and a few small
operations per step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear


@dataclass(frozen=True, slots=True)
class RecurrentPass:
    """One layer of a recurrent stack in one direction, as it has run; time runs as it reads.

    ``T`` time steps, batch ``B``, ``I`` inputs, ``H`` units of the hidden state and ``C`` of an
    LSTM's cell, which are as many unless it projects.
    """

    mode: str
    """As ``nn.RNNBase.mode``."""
    weights: list[Tensor]
    """Of input and of hidden state, then biases and the weight of the projection, if any."""
    has_bias: bool
    x: Tensor
    """What it read [T, B, I]."""
    h: Tensor
    """Its hidden states [T, B, H]."""
    start: tuple[Tensor, ...]
    """The states before the first step: [B, H], and for an LSTM [B, C]."""


class Flow(NamedTuple):
    """The total gradient at each hidden state, and at what the layer read."""

    h: Tensor
    """[T, B, H]"""
    x: Tensor
    """[T, B, I]"""


def backpropagate(layer: RecurrentPass, out: Tensor, last: list[Tensor | None]) -> Flow:
    """The gradients of a layer's hidden states and inputs.

    Args:
        layer: the layer; all its tensors in float32 and without a graph.
        out: the gradient that its hidden states got directly [T, B, H].
        last: the gradients of its last states, [B, H] and for an LSTM [B, C]; None where nothing
            used them.

    Example:
        >>> weights = [torch.zeros(1, 1), torch.full((1, 1), 0.5)]
        >>> states = torch.zeros(2, 1, 1)
        >>> x = torch.zeros(2, 1, 1)
        >>> layer = RecurrentPass("RNN_TANH", weights, False, x, states, (states[0],))
        >>> backpropagate(layer, torch.tensor([0.0, 1.0]).reshape(2, 1, 1), [None]).h.flatten()
        tensor([0.5000, 1.0000])
    """
    if last[0] is not None:
        out = out.clone()
        out[-1] += last[0]
    before = torch.cat([layer.start[0][None], layer.h[:-1]])
    w_x, w_h = layer.weights[:2]
    b_x, b_h = layer.weights[2:4] if layer.has_bias else (None, None)
    from_x, from_h = linear(layer.x, w_x, b_x), linear(before, w_h, b_h)
    if layer.mode == "LSTM":
        h, gates = _lstm(layer, from_x + from_h, out, last[1])
    elif layer.mode == "GRU":
        h, gates = _gru(from_x, from_h, before, w_h, out)
    else:
        slope = (layer.h > 0).to(out.dtype) if layer.mode == "RNN_RELU" else 1 - layer.h.square()
        h = _recur(slope[:, :, None], None, w_h, out)
        gates = slope * h
    return Flow(h, gates @ w_x)


def _recur(slopes: Tensor, carried: Tensor | None, w_h: Tensor, out: Tensor) -> Tensor:
    """The gradients of the hidden states where those of the gates are multiples of them.

    Args:
        slopes: derivatives of the hidden state by its gates' sums [T, B, gates, H].
        carried: part of a hidden state that goes into the next as it is [T, B, H]; None for
            nothing.
        w_h: the weight of the hidden state in the gates [gates * H, H].
        out: the gradient that the hidden states got directly [T, B, H].
    """
    length = len(out)
    found = list(out.unbind())
    kept = None if carried is None else carried.unbind()
    gates: Tensor | None = None
    for t, slope in zip(reversed(range(length)), reversed(slopes.unbind()), strict=True):
        if gates is not None:
            h = torch.addmm(found[t], gates, w_h)
            found[t] = h if kept is None else h.addcmul_(kept[t + 1], found[t + 1])
        gates = (slope * found[t][:, None]).flatten(1)
    return torch.stack(found)


def _gru(
    from_x: Tensor, from_h: Tensor, before: Tensor, w_h: Tensor, out: Tensor
) -> tuple[Tensor, Tensor]:
    reset_x, update_x, new_x = from_x.chunk(3, -1)
    reset_h, update_h, new_h = from_h.chunk(3, -1)
    reset, update = (reset_x + reset_h).sigmoid(), (update_x + update_h).sigmoid()
    new = (new_x + reset * new_h).tanh()
    to_new = (1 - update) * (1 - new.square())
    shared = [to_new * new_h * reset * (1 - reset), (before - new) * update * (1 - update)]
    h = _recur(torch.stack([*shared, to_new * reset], 2), update, w_h, out)
    return h, torch.cat([slope * h for slope in (*shared, to_new)], -1)


def _lstm(
    layer: RecurrentPass, sums: Tensor, out: Tensor, last: Tensor | None
) -> tuple[Tensor, Tensor]:
    w_h, start = layer.weights[1], layer.start[1]
    projection = layer.weights[-1] if len(layer.weights) % 2 else None
    enter, forget, new, leave = sums.chunk(4, -1)
    enter, forget, new, leave = enter.sigmoid(), forget.sigmoid(), new.tanh(), leave.sigmoid()
    states = [start]
    for kept, added in zip(forget.unbind(), (enter * new).unbind(), strict=True):
        states.append(torch.addcmul(added, kept, states[-1]))
    c, before = torch.stack(states[1:]), torch.stack(states[:-1])
    bent = c.tanh()
    to_c = (leave * (1 - bent.square())).unbind()
    to_gates = torch.stack(
        [new * enter * (1 - enter), before * forget * (1 - forget), enter * (1 - new.square())], 2
    ).unbind()
    to_leave = (bent * leave * (1 - leave)).unbind()
    keeps = forget.unbind()
    gates = torch.empty(*sums.shape[:2], 4, c.shape[-1], dtype=sums.dtype, device=sums.device)
    by_step, of_state, of_leave = (
        gates.flatten(2).unbind(),
        gates[:, :, :3].unbind(),
        gates[:, :, 3].unbind(),
    )
    found = list(out.unbind())
    d_c = torch.zeros_like(start) if last is None else last
    for t in reversed(range(len(found))):
        if t + 1 < len(found):
            found[t] = torch.addmm(found[t], by_step[t + 1], w_h)
            d_c = d_c * keeps[t + 1]
        inner = found[t] if projection is None else found[t] @ projection
        d_c = torch.addcmul(d_c, inner, to_c[t])
        torch.mul(to_gates[t], d_c[:, None], out=of_state[t])
        torch.mul(to_leave[t], inner, out=of_leave[t])
    return torch.stack(found), gates.flatten(2)
