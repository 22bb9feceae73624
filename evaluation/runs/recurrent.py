"""Recurrent nets, sick and healthy along the time axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import adding, alphabet_size, copy_memory, next_character, text
from evaluation.runs.loop import at, multiply, set_option, supervised
from evaluation.runs.run import Conditions, Training, healthy, sick

RECURRENT = nn.RNN | nn.LSTM | nn.GRU


class LastStep(nn.Module):
    """A recurrent layer over the sequence, a linear one on its last state."""

    def __init__(self, rnn: RECURRENT, outputs: int) -> None:
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(rnn.hidden_size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.rnn(x)[0][:, -1])
        return y


class Characters(nn.Module):
    """Character embeddings, a recurrent layer, and a prediction at every place."""

    def __init__(self, rnn: RECURRENT) -> None:
        super().__init__()
        self.embed = nn.Embedding(alphabet_size(), rnn.input_size)
        self.rnn = rnn
        self.head = nn.Linear(rnn.hidden_size, alphabet_size())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.rnn(self.embed(x))[0])
        return y


class CellLoop(nn.Module):
    """A cell called once a time step in a loop of one's own."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.cell = nn.RNNCell(inputs, hidden)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), self.cell.hidden_size)
        for part in x.unbind(1):
            state = self.cell(part, state)
        y: Tensor = self.head(state)
        return y


def carry(rnn: RECURRENT) -> nn.Parameter:
    """The matrix that takes one state to the next."""
    return rnn.get_parameter("weight_hh_l0")


CHAIN = ("rnn", "head")


@sick(120, cause="rnn_vanishing_in_time", rnn_vanishing_in_time="rnn")
def recurrent_tanh_forgets(c: Conditions) -> Training:
    """A tanh RNN with torch's own initialization on the adding problem over 40 steps."""
    model = LastStep((nn.RNN if c.sick else nn.GRU)(2, c.width(32), batch_first=True), 1)
    return supervised(c, model, c.sgd(model, 0.01), adding(c, 40), functional.mse_loss, chain=CHAIN)


@sick(170, onset=110, cause="rnn_vanishing_in_time", rnn_vanishing_in_time="rnn")
def recurrent_gate_slams_shut(c: Conditions) -> Training:
    """From step 110 the forget gates of an LSTM have a bias of -4: it forgets in a few steps."""
    width = c.width(24)
    rnn = nn.LSTM(4, width, batch_first=True)
    bias = rnn.get_parameter("bias_hh_l0")
    with torch.no_grad():
        bias[width : 2 * width] = 3.0
    model = LastStep(rnn, 4)

    def fault() -> None:
        with torch.no_grad():
            bias[width : 2 * width] = -6.0
            carry(rnn).mul_(0.3)

    return supervised(
        c, model, c.adam(model, 1e-3), copy_memory(c, 20), chain=CHAIN, before=at(110, fault)
    )


@sick(120, cause="rnn_vanishing_in_time", rnn_vanishing_in_time="cell")
def recurrent_cell_forgets(c: Conditions) -> Training:
    """A cell in a loop, whose recurrent weights start at a third of what carries over 25 steps."""
    width = c.width(24)
    model = CellLoop(4, width, 4)
    nn.init.orthogonal_(model.cell.weight_hh, gain=0.3 if c.sick else 1.0)
    return supervised(c, model, c.sgd(model, 0.05), copy_memory(c, 25), chain=("cell", "head"))


@sick(120, cause="rnn_exploding_in_time", rnn_exploding_in_time="rnn")
def recurrent_relu_explodes(c: Conditions) -> Training:
    """A ReLU RNN whose recurrent matrix starts at 1.4 × identity, over 30 steps, with clipping."""
    width = c.width(24)
    rnn = nn.RNN(2, width, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        carry(rnn).copy_((1.4 if c.sick else 0.9) * torch.eye(width))
    model = LastStep(rnn, 1)
    return supervised(
        c,
        model,
        c.sgd(model, 1e-5 if c.sick else 1e-2),
        adding(c, 30),
        functional.mse_loss,
        chain=CHAIN,
        clip=1.0,
    )


@sick(170, onset=120, cause="rnn_exploding_in_time", rnn_exploding_in_time="rnn")
def recurrent_scaled_up(c: Conditions) -> Training:
    """At step 120 the recurrent weights of a ReLU RNN are made half as large again."""
    width = c.width(24)
    rnn = nn.RNN(4, width, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        carry(rnn).copy_(torch.eye(width))
    model = LastStep(rnn, 4)
    fault = at(120, lambda: multiply(1.6, carry(rnn)))
    return supervised(
        c, model, c.sgd(model, 1e-3), copy_memory(c, 20), chain=CHAIN, clip=0.1, before=fault
    )


@sick(200, onset=110, cause="weights_growing", weights_growing="*")
def recurrent_negative_decay(c: Conditions) -> Training:
    """A character GRU whose weight decay has the wrong sign from step 110."""
    model = Characters(nn.GRU(16, c.width(24), batch_first=True))
    optimizer = c.sgd(model, 0.5)
    fault = at(
        110, lambda: set_option(optimizer, "weight_decay", -0.045 / optimizer.param_groups[0]["lr"])
    )
    return supervised(
        c,
        model,
        optimizer,
        text(c, 12),
        next_character,
        chain=("embed", *CHAIN),
        clip=0.5,
        before=fault,
    )


@healthy(130)
def recurrent_characters_lstm(c: Conditions) -> Training:
    """A character LSTM: most rows of its embedding are used at few steps."""
    model = Characters(nn.LSTM(16, c.width(32), batch_first=True))
    return supervised(
        c, model, c.adam(model, 1e-2), text(c, 16), next_character, chain=("embed", *CHAIN)
    )


@healthy(150)
def recurrent_adding_gru(c: Conditions) -> Training:
    """A GRU that solves the adding problem over 10 steps."""
    model = LastStep(nn.GRU(2, c.width(32), batch_first=True), 1)
    return supervised(
        c, model, c.adam(model, 1e-2), adding(c, 10), functional.mse_loss, chain=CHAIN, clip=1.0
    )


@healthy(150)
def recurrent_orthogonal(c: Conditions) -> Training:
    """A tanh RNN with an orthogonal recurrent matrix remembers a symbol over 12 steps."""
    rnn = nn.RNN(4, c.width(32), batch_first=True)
    nn.init.orthogonal_(carry(rnn))
    model = LastStep(rnn, 4)
    return supervised(c, model, c.adam(model, 3e-3), copy_memory(c, 12), chain=CHAIN)
