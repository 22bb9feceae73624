"""Recurrent nets that are to remember how a sequence began."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evaluation.runs.data import copy_memory
from evaluation.runs.loop import supervised
from evaluation.runs.recurrent import LastStep
from evaluation.runs.run import Conditions, Training, healthy, sick

CHAIN = ("rnn", "head")


def _forgetting(c: Conditions, bias: float, length: int) -> Training:
    """An LSTM whose forget gates start with that bias."""
    width = c.width(24)
    rnn = nn.LSTM(4, width, batch_first=True)
    with torch.no_grad():
        rnn.get_parameter("bias_hh_l0")[width : 2 * width] = bias
    model = LastStep(rnn, 4)
    return supervised(c, model, c.adam(model, 2e-3), copy_memory(c, length), chain=CHAIN)


@sick(150, cause="rnn_vanishing_in_time", rnn_vanishing_in_time="rnn")
def lstm_gates_as_torch_draws_them(c: Conditions) -> Training:
    """Forget gates start at one half: of what was 40 steps ago nothing is left."""
    return _forgetting(c, 0.0 if c.sick else 4.0, 40)


@healthy(200)
def lstm_gates_wide_open(c: Conditions) -> Training:
    """Forget gates start with a bias of 4: what came first is still there after 20 steps."""
    return _forgetting(c, 4.0, 20)


class Stepwise(nn.Module):
    """A cell called once a time step, whose state may be detached in between."""

    def __init__(self, width: int, *, detach: bool) -> None:
        super().__init__()
        self.cell = nn.RNNCell(4, width)
        nn.init.orthogonal_(self.cell.weight_hh)
        self.head = nn.Linear(width, 4)
        self.detach = detach

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), self.cell.hidden_size)
        for part in x.unbind(1):
            state = self.cell(part, state.detach() if self.detach else state)
        y: Tensor = self.head(state)
        return y


@sick(200, cause="rnn_vanishing_in_time", cure="person", rnn_vanishing_in_time="cell")
def state_detached_at_every_step(c: Conditions) -> Training:
    """The state is detached at each time step, not at each batch: nothing reaches back."""
    model = Stepwise(c.width(24), detach=c.sick)
    return supervised(c, model, c.adam(model, 3e-3), copy_memory(c, 12), chain=("cell", "head"))


@sick(150, cause="rnn_exploding_in_time", rnn_exploding_in_time="rnn")
def gru_drawn_by_randn(c: Conditions) -> Training:
    """Every weight of a GRU drawn by ``2.5 * randn``: its gates slam, gradients grow in time."""
    rnn = nn.GRU(4, c.width(32), batch_first=True)
    if c.sick:
        for weight in rnn.parameters():
            nn.init.normal_(weight, std=2.5)
    model = LastStep(rnn, 4)
    return supervised(c, model, c.adam(model, 2e-3), copy_memory(c, 25), chain=CHAIN, clip=1.0)
