"""Melodies that come back to how they began, and streams that never end."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches
from evaluation.runs.loop import supervised
from evaluation.runs.run import Conditions, Training, healthy, sick

NOTES = 6


def _melodies(c: Conditions, length: int) -> Batches:
    """Random notes; the last one asked for is the first one, three higher."""
    generator = torch.Generator().manual_seed(8000 + c.seed)
    x = torch.randint(NOTES, (1500, length), generator=generator)
    return Batches(x, (x[:, 0] + 3) % NOTES, c.batch(32), c.seed)


class Listener(nn.Module):
    """Hears a melody, and names a note at its end."""

    def __init__(self, width: int, kind: type[nn.RNN | nn.GRU]) -> None:
        super().__init__()
        self.note = nn.Embedding(NOTES, width)
        self.ear = kind(width, width, batch_first=True)
        self.name = nn.Linear(width, NOTES)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.name(self.ear(self.note(x))[0][:, -1])
        return y


@sick(200, cause="rnn_vanishing_in_time", held_out=True, rnn_vanishing_in_time="ear")
def melody_heard_by_a_faint_rnn(c: Conditions) -> Training:
    """A plain recurrent net whose weights were drawn at a hundredth: one note is all it keeps."""
    model = Listener(c.width(24), nn.RNN)
    weight = model.ear.get_parameter("weight_hh_l0")
    with torch.no_grad():
        if c.sick:
            weight.normal_(std=0.01)
        else:
            nn.init.orthogonal_(weight)
    chain = ("note", "ear", "name")
    return supervised(c, model, c.adam(model, 2e-3), _melodies(c, 16), chain=chain)


@sick(250, cause=("lr_too_low", "plateau"), held_out=True, lr_too_low="")
def melody_at_a_rate_of_others(c: Conditions) -> Training:
    """SGD at 1e-6, copied from the fine-tuning of something large."""
    model = Listener(c.width(24), nn.GRU)
    optimizer = c.sgd(model, 1e-6 if c.sick else 0.5, momentum=0.9)
    return supervised(c, model, optimizer, _melodies(c, 5), chain=("note", "ear", "name"))


@sick(250, cause=("weights_shrinking", "weights_zero"), held_out=True, weights_shrinking="*")
def melody_forgotten_by_decay(c: Conditions) -> Training:
    """``weight_decay=20`` in AdamW, taken for a percentage: the weights fade, and all they knew."""
    model = Listener(c.width(24), nn.GRU)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=c.rate(2e-3), weight_decay=20.0 if c.sick else 0.01
    )
    return supervised(c, model, optimizer, _melodies(c, 5), chain=("note", "ear", "name"))


class Stream(nn.Module):
    """Reads on where it left off, and foretells the next note."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.note = nn.Embedding(NOTES, width)
        self.cell = nn.GRUCell(width, width)
        self.name = nn.Linear(width, NOTES)
        self.state: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        state = self.state
        if state is None or len(state) != len(x):
            state = torch.zeros(len(x), self.cell.hidden_size)
        state = state.detach()
        found = []
        for part in self.note(x).unbind(1):
            state = self.cell(part, state)
            found.append(self.name(state))
        self.state = state
        return torch.stack(found, 1)


@healthy(250, held_out=True)
def stream_in_pieces(c: Conditions) -> Training:
    """An endless stream in pieces of eight: the state goes on, its graph ends with each piece."""
    generator = torch.Generator().manual_seed(9000 + c.seed)
    rows = c.batch(16)
    steps = torch.tensor([1, 1, 2, 5])[torch.randint(4, (rows, 8 * 300), generator=generator)]
    notes = steps.cumsum(1) % NOTES
    pieces = notes[:, : 8 * 299].unfold(1, 9, 8)
    model = Stream(c.width(24))

    def loss(number: int) -> Tensor:
        piece = pieces[:, number]
        foretold = model(piece[:, :-1])
        return functional.cross_entropy(foretold.flatten(0, 1), piece[:, 1:].flatten())

    def probe() -> Tensor:
        kept, model.state = model.state, None
        found = functional.cross_entropy(
            model(pieces[:, 0, :-1]).flatten(0, 1), pieces[:, 0, 1:].flatten()
        )
        model.state = kept
        return found

    return Training(model, c.adam(model, 3e-3), loss, probe)


@healthy(300, held_out=True)
def melody_by_two_questions(c: Conditions) -> Training:
    """The first note and the count of zeros, whose errors differ by a factor of a hundred."""
    model = Listener(c.width(32), nn.GRU)
    count = nn.Linear(NOTES, 1)
    model.add_module("count", count)
    batches = _melodies(c, 6)

    def loss(number: int) -> Tensor:
        x, y = batches[number]
        named = model(x)
        zeros = (x == 0).sum(1).float()
        return functional.cross_entropy(named, y) + 0.01 * functional.mse_loss(
            count(named).squeeze(1), zeros
        )

    def probe() -> Tensor:
        x, y = batches.probe
        return functional.cross_entropy(model(x), y)

    return Training(model, c.adam(model, 5e-3), loss, probe)
