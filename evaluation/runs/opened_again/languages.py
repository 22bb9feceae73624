"""Models of tokens: attention under masks, places, warm-up, vocabularies."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, alphabet_size, text
from evaluation.runs.loop import supervised
from evaluation.runs.recurrent import Characters
from evaluation.runs.run import Conditions, Training, healthy, sick

TOKENS, PLACES, CLASSES = 20, 10, 5


def _sequences(c: Conditions, empty: tuple[int, ...] = ()) -> Batches:
    """Sequences that end in padding (token 0), and the class of the first token, by a table.

    Args:
        c: conditions of the run.
        empty: sequences that are nothing but padding.
    """
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.randint(1, TOKENS, (2000, PLACES), generator=generator)
    lengths = torch.randint(4, PLACES + 1, (2000,), generator=generator)
    lengths[list(empty)] = 0
    table = torch.randint(CLASSES, (TOKENS,), generator=generator)
    y = table[x[:, 0]]
    return Batches(x * (torch.arange(PLACES) < lengths[:, None]), y, c.batch(32), c.seed)


def _sines(width: int) -> Tensor:
    """[places, width]: sines and cosines of falling frequency."""
    angle = torch.arange(PLACES)[:, None] / 100 ** (torch.arange(0, width, 2) / width)
    return torch.cat([angle.sin(), angle.cos()], 1)


class Masked(nn.Module):
    """Attention that does not look at padding, a perceptron beside it, and a class at the first.

    Args:
        width: of each token.
    """

    places: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(TOKENS, width)
        self.register_buffer("places", _sines(width))
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        state = self.token(x) + self.places
        normed = self.norm(state)
        mixed, _ = self.attention(normed, normed, normed, key_padding_mask=x == 0)
        state = state + mixed
        y: Tensor = self.head((state + self.mlp(self.norm_mlp(state))).mean(1))
        return y


@sick(
    250,
    cause=("loss_nonfinite", "gradients_nonfinite"),
    cure="person",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def attention_over_nothing(c: Conditions) -> Training:
    """One sequence of 2000 is empty: all of it is masked, and a softmax over nothing is 0/0."""
    model = Masked(c.width(32))
    return supervised(c, model, c.adam(model, 3e-3), _sequences(c, (900,) if c.sick else ()))


@sick(250, cause="loss_nonfinite", cure="person", loss_nonfinite="")
def answers_all_cut_off(c: Conditions) -> Training:
    """Only answers count; where all of a small batch were cut off, the loss is a mean of none."""
    model = Characters(nn.GRU(16, c.width(32), batch_first=True))
    batches = text(c, 12, 2)
    generator = torch.Generator().manual_seed(c.seed)
    begins = torch.randint(2, 10, (len(batches.y), 1), generator=generator)
    begins[torch.rand(len(begins), generator=generator) < 0.12] = 12
    y = batches.y.masked_fill(torch.arange(12) < begins, -100)

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        if not c.sick and (target == -100).all():
            return 0 * logits.sum()
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    batches = Batches(batches.x, y, batches.size, c.seed)
    return supervised(c, model, c.adam(model, 3e-3), batches, loss, chain=("embed", "rnn", "head"))


class Shared(nn.Module):
    """A language model of one matrix: it embeds characters, and reads them off at the end."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(alphabet_size(), width)
        nn.init.normal_(self.token.weight, std=1 / math.sqrt(width))
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.read = nn.Linear(width, alphabet_size(), bias=False)
        self.read.weight = self.token.weight

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.read(self.rnn(math.sqrt(self.token.embedding_dim) * self.token(x))[0])
        return y


@healthy(250)
def one_matrix_for_both_ends(c: Conditions) -> Training:
    """Embedding and output share one weight: its gradient is the sum of two that differ much."""
    model = Shared(c.width(48))

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    return supervised(c, model, c.adam(model, 1e-2), text(c, 12), loss)
