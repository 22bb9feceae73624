"""Recurrent layers that run over the samples of the batch, and all that resembles them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.capture.collect.wiring.loop import Watch, wiring
from tests.capture.older_torch import reads_saved_tensors

SAMPLES, TIME, FEATURES, UNITS = 8, 5, 3, 4
Take = Callable[["Net", Tensor], Tensor]
Loss = Callable[[Any], Tensor]


class Net(nn.Module):
    """A recurrent layer and a head, and what is done with both."""

    def __init__(self, take: Take, rnn: nn.Module | None = None, wide: int = UNITS) -> None:
        super().__init__()
        self.rnn = nn.LSTM(FEATURES, UNITS) if rnn is None else rnn
        self.fc = nn.Linear(wide, 2)
        self.take = take

    def forward(self, x: Tensor) -> Tensor:
        return self.take(self, x)


def squared(output: Any) -> Tensor:
    return functional.mse_loss(output, torch.zeros(output.shape))


def of_classes(output: Any) -> Tensor:
    return functional.cross_entropy(output, torch.zeros(len(output), dtype=torch.long))


def of_logits(output: Any) -> Tensor:
    return functional.binary_cross_entropy_with_logits(output, torch.zeros(output.shape))


def per_step(output: Any) -> Tensor:
    return functional.cross_entropy(
        output.flatten(0, 1), torch.zeros(len(output) * output.shape[1], dtype=torch.long)
    )


def last(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(net.rnn(x)[0][:, -1]))


def last_of_all(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(torch.relu(net.rnn(x)[0])))[:, -1, :]


def narrowed(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(net.rnn(x)[0][:, -1:])).squeeze(1)


def normalized(net: Net, x: Tensor) -> Tensor:
    out = functional.layer_norm(net.rnn(x)[0], (UNITS,))
    return torch.as_tensor(net.fc(functional.dropout(out, 0.1).permute(1, 0, 2)[-1]))


def counted(net: Net, x: Tensor) -> Tensor:
    lengths = torch.arange(len(x)) % TIME + 1
    return torch.as_tensor(net.fc(net.rnn(x)[0][torch.arange(len(x)), lengths - 1]))


def gathered(net: Net, x: Tensor) -> Tensor:
    where = (torch.arange(len(x)) % TIME).view(-1, 1, 1).expand(-1, 1, UNITS)
    return torch.as_tensor(net.fc(net.rnn(x)[0].gather(1, where).squeeze(1)))


@reads_saved_tensors
@pytest.mark.parametrize("loss", [squared, of_classes, of_logits])
@pytest.mark.parametrize("take", [last, last_of_all, narrowed, normalized, counted, gathered])
def test_a_layer_whose_time_steps_have_a_target_each_is_named(
    watch: Watch, take: Take, loss: Loss
) -> None:
    found = wiring(watch, Net(take), SAMPLES, TIME, FEATURES, loss=loss).obstacles
    assert found["recurs over samples"] == ("8", "[8, 5, 3]", "0", "rnn")
    for_time = Net(take, nn.LSTM(FEATURES, UNITS, batch_first=True))
    found = wiring(watch, for_time, SAMPLES, TIME, FEATURES, loss=loss).obstacles
    assert "recurs over samples" not in found


@reads_saved_tensors
@pytest.mark.parametrize(
    "rnn",
    [
        nn.RNN(FEATURES, UNITS),
        nn.RNN(FEATURES, UNITS, nonlinearity="relu", num_layers=2, dropout=0.1),
        nn.GRU(FEATURES, UNITS),
        nn.GRU(FEATURES, UNITS // 2, bidirectional=True),
        nn.LSTM(FEATURES, UNITS // 2, num_layers=2, bidirectional=True),
    ],
    ids=["RNN", "RNN of ReLU", "GRU", "both ways", "deep"],
)
def test_so_is_every_kind_of_recurrent_layer(watch: Watch, rnn: nn.Module) -> None:
    found = wiring(watch, Net(last, rnn), SAMPLES, TIME, FEATURES, loss=squared).obstacles
    assert found["recurs over samples"] == ("8", "[8, 5, 3]", "0", "rnn")


@reads_saved_tensors
def test_and_the_reverse_of_it(watch: Watch) -> None:
    def take(net: Net, x: Tensor) -> Tensor:
        return torch.as_tensor(net.fc(net.rnn(x)[0][-1]))

    rnn = nn.GRU(FEATURES, UNITS, batch_first=True)
    found = wiring(watch, Net(take, rnn), TIME, SAMPLES, FEATURES, loss=squared).obstacles
    assert found["recurs over samples"] == ("8", "[5, 8, 3]", "1", "rnn")


class Words(nn.Module):
    """Two recurrent layers above an embedding of words, and what makes one of their time steps."""

    def __init__(self, pool: Callable[[Words, Tensor], Tensor], *, batch_first: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(9, UNITS)
        self.first = nn.GRU(UNITS, UNITS, batch_first=batch_first)
        self.second = nn.GRU(UNITS, UNITS, batch_first=batch_first)
        self.score, self.fc = nn.Linear(UNITS, 1), nn.Linear(UNITS, 2)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        given = functional.dropout(self.words((x.abs() * 3).long() % 9), 0.1)
        return torch.as_tensor(self.fc(self.pool(self, self.second(self.first(given)[0])[0])))


@reads_saved_tensors
@pytest.mark.parametrize(
    "pool",
    [
        lambda _, out: out.mean(1),
        lambda _, out: out.max(1).values,
        lambda _, out: out.sum(1) / TIME,
        lambda net, out: (net.score(out).softmax(1) * out).sum(1),
        lambda net, out: torch.bmm(net.score(out).softmax(1).transpose(1, 2), out).squeeze(1),
    ],
    ids=["mean", "max", "sum", "attention", "product"],
)
def test_of_words_all_their_places_may_become_one(
    watch: Watch, pool: Callable[[Words, Tensor], Tensor]
) -> None:
    # What is read below the second layer is below the first one too.
    def run(*, batch_first: bool) -> Any:
        model = Words(pool, batch_first=batch_first)
        found = wiring(watch, model, SAMPLES, TIME, loss=of_classes).obstacles
        return found.get("recurs over samples")

    assert run(batch_first=False) is not None
    assert run(batch_first=True) is None


def time_last(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(net.rnn(x)[0][-1]))


def encoded(net: Net, x: Tensor) -> Tensor:
    state = net.rnn(x)[1]
    return torch.as_tensor(net.fc((state[0] if isinstance(state, tuple) else state)[-1]))


def each(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(net.rnn(x)[0]))


def turned(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(net.rnn(x.transpose(0, 1))[0][-1]))


def turned_back(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(net.rnn(x.permute(1, 0, 2))[0].transpose(0, 1)[:, -1]))


def packed(net: Net, x: Tensor) -> Tensor:
    out, _ = net.rnn(pack_padded_sequence(x, torch.full((x.shape[1],), len(x))))
    return torch.as_tensor(net.fc(pad_packed_sequence(out)[0][-1]))


def with_state(net: Net, x: Tensor) -> Tensor:
    start = torch.zeros(1, x.shape[1], UNITS)
    return torch.as_tensor(net.fc(net.rnn(x, (start, start))[0][:, -1]))


def counted_in_time(net: Net, x: Tensor) -> Tensor:
    ends = torch.arange(x.shape[1]) % len(x)
    return torch.as_tensor(net.fc(net.rnn(x)[0][ends, torch.arange(x.shape[1])]))


def nodes(net: Net, x: Tensor) -> Tensor:
    """A state for each node, all of which say something of each time step."""
    return torch.as_tensor(net.fc(net.rnn(x)[0].mean(1)))


def first_of_nodes(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(net.rnn(x)[0][:, 0]))


def flat(net: Net, x: Tensor) -> Tensor:
    return torch.as_tensor(net.fc(net.rnn(x)[0]))[:, 0, 0]


def by_pieces(net: Net, x: Tensor) -> Tensor:
    """Samples of as many time steps as there are samples, in two pieces each."""
    out = net.rnn(x)[0][-1]
    return torch.as_tensor(net.fc(out.view(-1, 2, UNITS).mean(1)))


@pytest.mark.parametrize(
    ("take", "shape", "loss"),
    [
        (time_last, (TIME, SAMPLES), squared),
        (time_last, (TIME, SAMPLES), of_classes),
        (encoded, (TIME, SAMPLES), of_classes),
        (each, (TIME, SAMPLES), squared),
        (each, (TIME, SAMPLES), per_step),
        (each, (SAMPLES, TIME), squared),
        (lambda net, x: each(net, x).transpose(1, 2), (TIME, SAMPLES), squared),
        (turned, (SAMPLES, TIME), of_classes),
        (turned_back, (SAMPLES, TIME), of_classes),
        (lambda net, x: each(net, x).squeeze(1), (20, 1), of_classes),
        (lambda net, x: each(net, x)[:, -1], (20, 1), of_classes),
        (last, (SAMPLES, SAMPLES), squared),
        (packed, (TIME, SAMPLES), of_classes),
        (with_state, (SAMPLES, TIME), squared),
        (counted_in_time, (TIME, SAMPLES), squared),
        (nodes, (SAMPLES, TIME), squared),
        (first_of_nodes, (SAMPLES, TIME), squared),
        (flat, (SAMPLES, TIME), squared),
        (by_pieces, (SAMPLES, 2 * SAMPLES), of_classes),
        (last, (SAMPLES, TIME), lambda y: y.square().mean()),
        (last, (SAMPLES, TIME), lambda y: functional.l1_loss(y, torch.zeros(y.shape))),
        (lambda net, x: last(net, x).T, (SAMPLES, TIME), squared),
    ],
    ids=[
        *("last step", "last step of classes", "last state", "every step", "tokens", "tags"),
        *("turned outputs", "turned inputs", "turned back", "batch of one", "last of one"),
        *("as many steps as samples", "packed", "with a state", "by lengths", "nodes"),
        *("first node", "one node", "pieces", "no loss of torch's", "no targets kept"),
        "a target for each unit",
    ],
)
def test_others_are_none(watch: Watch, take: Take, shape: tuple[int, int], loss: Loss) -> None:
    for rnn in (nn.LSTM(FEATURES, UNITS), nn.LSTM(FEATURES, UNITS, num_layers=2)):
        if take is with_state and rnn.num_layers > 1:
            continue
        found = wiring(watch, Net(take, rnn), *shape, FEATURES, loss=loss).obstacles
        assert "recurs over samples" not in found


def test_nor_is_a_single_sequence_without_a_batch(watch: Watch) -> None:
    found = wiring(watch, Net(each), SAMPLES, FEATURES, loss=of_classes).obstacles
    assert "recurs over samples" not in found
