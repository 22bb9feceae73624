"""Gradients worked out by hand along time are autograd's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradwidget.capture.collect.recurrent.bptt import RecurrentPass, backpropagate

LENGTH, BATCH, WIDTH = 6, 3, 5


@pytest.mark.parametrize("has_bias", [True, False], ids=["biased", "unbiased"])
@pytest.mark.parametrize("uses_last", [True, False], ids=["last-states-used", "outputs-alone"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH", "RNN_RELU", "projected LSTM"])
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch says which kernel it takes
def test_the_gradients_of_hidden_states_and_inputs_are_those_of_autograd(
    kind: str, *, uses_last: bool, has_bias: bool
) -> None:
    if kind.startswith("RNN"):
        layer: nn.RNNBase = nn.RNN(
            4, WIDTH, nonlinearity=kind.removeprefix("RNN_").lower(), bias=has_bias
        )
    elif kind == "GRU":
        layer = nn.GRU(4, WIDTH, bias=has_bias)
    else:
        layer = nn.LSTM(4, WIDTH, bias=has_bias, proj_size=2 if kind.startswith("projected") else 0)
    x = torch.randn(LENGTH, BATCH, 4, requires_grad=True)
    start = [torch.randn(1, BATCH, layer.proj_size or WIDTH), torch.randn(1, BATCH, WIDTH)]
    start = [one.requires_grad_() for one in start[: 2 if layer.mode == "LSTM" else 1]]
    output, last = layer(x, tuple(start) if layer.mode == "LSTM" else start[0])
    states = list(last) if isinstance(last, tuple) else [last]
    out, ends = torch.randn_like(output), [torch.randn_like(one) for one in states]
    loss = (output * out).sum()
    if uses_last:
        loss = loss + sum((one * end).sum() for one, end in zip(states, ends, strict=True))
    loss.backward()

    weights = [one.detach() for one in layer.all_weights[0]]
    ran = RecurrentPass(
        layer.mode,
        weights,
        has_bias,
        x.detach(),
        output.detach(),
        tuple(one.detach()[0] for one in start),
    )
    flow = backpropagate(ran, out, [end[0] if uses_last else None for end in ends])

    assert x.grad is not None
    torch.testing.assert_close(flow.x, x.grad)
    # A change of a state before the first step goes through that step alone, so the gradient at the
    # first hidden state shows in it: what is left is what an RNN hands on through its recurrent
    # weights.
    if kind == "RNN_TANH":
        handed = ((1 - output[0].detach().square()) * flow.h[0]) @ weights[1]
        torch.testing.assert_close(handed, start[0].grad[0] if start[0].grad is not None else None)
    torch.testing.assert_close(flow.h[-1], out[-1] + (ends[0][0] if uses_last else 0))
