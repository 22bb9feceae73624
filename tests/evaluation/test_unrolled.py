"""A recurrent layer run step by step computes what the layer computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from evaluation.truth.unrolled import unrolled


@pytest.mark.parametrize(
    "module",
    [
        nn.RNN(3, 5, batch_first=True),
        nn.RNN(3, 5, nonlinearity="relu", batch_first=True),
        nn.LSTM(3, 5, batch_first=True),
        nn.GRU(3, 5, batch_first=True),
    ],
    ids=["tanh", "relu", "lstm", "gru"],
)
def test_unrolling_changes_neither_output_nor_gradient(module: nn.RNN | nn.LSTM | nn.GRU) -> None:
    x = torch.randn(4, 7, 3)
    states: list[list[Tensor]] = []
    gradients = []
    outputs = []
    for forward in (module.forward, unrolled(module, states)):
        module.zero_grad()
        output = forward(x)[0]
        output[:, -1].square().sum().backward()
        outputs.append(output.detach())
        gradients.append(
            [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        )
    torch.testing.assert_close(*outputs)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
    assert len(states[0]) == 7
    assert all(state.grad is not None for state in states[0])


def test_two_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="one layer"):
        unrolled(nn.GRU(3, 5, num_layers=2, batch_first=True), [])
