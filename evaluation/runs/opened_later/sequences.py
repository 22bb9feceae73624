"""Sequences: recurrent nets along time, and transformers made of torch's own layers.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, adding, copy_memory, next_character, text
from evaluation.runs.loop import supervised
from evaluation.runs.recurrent import Characters, LastStep
from evaluation.runs.run import Conditions, Training, healthy, sick


class Translator(nn.Module):
    """An encoder over the sequence and a decoder that answers in two steps from its last state."""

    def __init__(self, encoder: nn.RNN | nn.GRU) -> None:
        super().__init__()
        width = encoder.hidden_size
        self.encoder = encoder
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        last = self.encoder(x)[0][:, -1:]
        y: Tensor = self.head(self.decoder(last.expand(-1, 2, -1))[0])
        return y[:, -1]


@sick(200, cause="rnn_vanishing_in_time", rnn_vanishing_in_time="encoder")
def seq2seq_forgets_its_question(c: Conditions) -> Training:
    """The answer depends on the first of 25 symbols, which a plain encoder has long forgotten."""
    encoder = nn.RNN(4, c.width(32), batch_first=True)
    if not c.sick:
        nn.init.eye_(encoder.get_parameter("weight_hh_l0"))
        nn.init.normal_(encoder.get_parameter("weight_ih_l0"), std=0.1)
    model = Translator(encoder)
    return supervised(
        c, model, c.adam(model, 1e-3), copy_memory(c, 25), chain=("encoder", "decoder", "head")
    )


@sick(150, cause="rnn_exploding_in_time", rnn_exploding_in_time="rnn")
def recurrent_relus_drawn_large(c: Conditions) -> Training:
    """A recurrent layer of ReLUs drawn at 0.3: each step makes half as much again of the state."""
    rnn = nn.RNN(2, c.width(48), nonlinearity="relu", batch_first=True)
    carry = rnn.get_parameter("weight_hh_l0")
    if c.sick:
        nn.init.normal_(carry, std=0.3)
    else:
        nn.init.eye_(carry)
    model = LastStep(rnn, 1)
    return supervised(
        c,
        model,
        c.adam(model, 1e-3),
        adding(c, 30),
        functional.mse_loss,
        chain=("rnn", "head"),
        clip=1.0,
    )


@healthy(200)
def recurrent_loss_summed(c: Conditions) -> Training:
    """The loss of every character is added up: it is in the hundreds, and clipped at 10."""
    rnn = nn.GRU(16, c.width(48), batch_first=True)
    model = Characters(rnn)
    return supervised(
        c, model, c.adam(model, 1e-2), text(c, 20), next_character, scale=320.0, clip=10.0
    )


LENGTH, CLASSES = 10, 5


class Reader(nn.Module):
    """Tokens and places embedded, torch's encoder layers, and a class from their average.

    Args:
        width: of each token.
        tokens: how many different ones.
        layers: of the encoder.
        first: whether norms come first in a layer.
        still: whether the embedding is computed under ``no_grad``.
        chances: whether it ends in a softmax.
    """

    def __init__(
        self,
        width: int,
        tokens: int,
        layers: int,
        *,
        first: bool = True,
        still: bool = False,
        chances: bool = False,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(tokens, width)
        self.place = nn.Parameter(torch.randn(LENGTH, width))
        self.layers = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    width, 2, 2 * width, dropout=0.0, batch_first=True, norm_first=first
                )
                for _ in range(layers)
            ]
        )
        self.head = nn.Linear(width, CLASSES)
        self.still, self.chances = still, chances

    def forward(self, x: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.still):
            embedded = self.token(x)
        embedded = embedded + self.place
        for layer in self.layers:
            embedded = layer(embedded)
        y: Tensor = self.head(embedded.mean(1))
        return y.softmax(1) if self.chances else y


def _first_token(c: Conditions, tokens: int) -> Batches:
    """The class of a sequence is that of its first token, by a table."""
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.randint(tokens, (3000, LENGTH), generator=generator)
    table = torch.randint(CLASSES, (tokens,), generator=generator)
    return Batches(x, table[x[:, 0]], c.batch(32), c.seed)


@sick(200, cause="lr_too_high", lr_too_high="")
def transformer_last_norm_no_warmup(c: Conditions) -> Training:
    """Norms after each layer, and the rate at its full 0.03 from the first step."""
    model = Reader(c.width(32), 20, 3, first=False)
    return supervised(c, model, c.adam(model, 0.03 if c.sick else 1e-3), _first_token(c, 20))


@sick(300, cause="no_gradient", cure="person", no_gradient="token")
def transformer_embedded_without_gradient(c: Conditions) -> Training:
    """Tokens are looked up under ``no_grad``, to save memory: they stay as random as they were."""
    model = Reader(8, 40, 1, still=c.sick)
    return supervised(c, model, c.adam(model, 1e-2), _first_token(c, 40))


@sick(200, cause="double_softmax", cure="person", double_softmax="")
def transformer_answers_in_chances(c: Conditions) -> Training:
    """The model ends in a softmax and the loss takes one as well."""
    model = Reader(c.width(32), 20, 2, chances=c.sick)
    return supervised(c, model, c.adam(model, 1e-3), _first_token(c, 20))


@healthy(250)
def transformer_warmed_up(c: Conditions) -> Training:
    """AdamW whose rate begins at nearly nothing and takes 100 steps to its full height."""
    model = Reader(c.width(32), 20, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=c.rate(3e-3), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100))
    return supervised(c, model, optimizer, _first_token(c, 20), schedule=schedule, clip=1.0)
