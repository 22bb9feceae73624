"""Networks that run over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.awkward.loop import Loop, Optimizing, awkward
from tests.awkward.supervised import Supervised, noise


class LastOutput(nn.Module):
    """Reads a sequence and answers from the last time step."""

    def __init__(self, recurrent: nn.RNNBase, width: int) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.head = nn.Linear(width, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.recurrent(inputs)[0][:, -1]))


@awkward()
def a_stacked_lstm(optimizing: Optimizing) -> Loop:
    """Two stacked layers in one module, which returns (output, (h, c)); the last step counts."""
    return Supervised(
        LastOutput(nn.LSTM(4, 5, 2, batch_first=True), 5), optimizing, noise(6, 7, 4, out=3)
    )


@awkward()
def a_bidirectional_gru(optimizing: Optimizing) -> Loop:
    """Both directions share the output's last dimension."""
    return Supervised(
        LastOutput(nn.GRU(4, 5, batch_first=True, bidirectional=True), 10),
        optimizing,
        noise(6, 7, 4),
    )


class Packed(nn.Module):
    """Packs sequences of different lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.RNN(4, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        lengths = torch.tensor([6, 4, 3, 1])
        packed = pack_padded_sequence(inputs, lengths, batch_first=True)
        padded, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        return torch.as_tensor(self.head(padded.sum(dim=1)))


@awkward(unseen=("act",))
def packed_sequences(optimizing: Optimizing) -> Loop:
    """The layer takes and returns a PackedSequence, not a tensor."""
    return Supervised(Packed(), optimizing, noise(4, 6, 4))


class Cell(nn.Module):
    """A recurrent cell called in the user's own loop over time."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.zeros(inputs.shape[0], 5)
        for time in range(inputs.shape[1]):
            hidden = self.cell(inputs[:, time], hidden)
        return torch.as_tensor(self.head(hidden))


@awkward()
def a_cell_in_a_loop(optimizing: Optimizing) -> Loop:
    """The loop over time is the user's, and calls the cell at each step."""
    return Supervised(Cell(), optimizing, noise(6, 7, 4))
