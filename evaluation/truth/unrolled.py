"""Recurrent layers run one time step after the other, so every state's gradient can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def unrolled(
    module: nn.RNN | nn.LSTM | nn.GRU, states: list[list[Tensor]]
) -> Callable[[Tensor], tuple[Tensor, None]]:
    """A ``forward`` that computes by its cell what the module does: one layer, batches first.

    Args:
        module: whose weights are used.
        states: receives, for each call, the tensors that carry the past: by time step, all of one
            step together.
    """
    if module.num_layers != 1 or module.bidirectional or not module.batch_first:
        message = "only one layer in one direction, batches first"
        raise ValueError(message)
    cells: dict[str, Callable[..., Any]] = {
        "RNN_TANH": torch.rnn_tanh_cell,
        "RNN_RELU": torch.rnn_relu_cell,
        "LSTM": torch.lstm_cell,
        "GRU": torch.gru_cell,
    }
    cell = cells[module.mode]

    def forward(x: Tensor) -> tuple[Tensor, None]:
        weights = module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0, module.bias_hh_l0
        zero = x.new_zeros(len(x), module.hidden_size)
        hidden, memory = zero, zero
        past: list[Tensor] = []
        for part in x.unbind(1):
            if module.mode == "LSTM":
                hidden, memory = cell(part, (hidden, memory), *weights)
            else:
                hidden = cell(part, hidden, *weights)
            if hidden.requires_grad:
                hidden.retain_grad()
            past.append(hidden)
        if hidden.requires_grad:
            states.append(past)
        return torch.stack(past, 1), None

    return forward
