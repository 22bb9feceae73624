"""Nets for sequences: a GPT, adapters on a Llama, a GRU that answers a sequence with another."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from evaluation.real.subject import (
    EXPLODES,
    INPUTS,
    RATE,
    VANISHES,
    Loop,
    Subject,
    batch,
    drawn,
    never_drawn,
    supervised,
    without,
)
from evaluation.runs.causes.adapters import Adapter

LENGTH = 32


def windows() -> tuple[Tensor, int]:
    """Pieces of an English text as character numbers, and how many characters there are."""
    characters = load_digits().DESCR.lower()
    alphabet = sorted(set(characters))
    codes = torch.tensor([alphabet.index(character) for character in characters])
    return codes.unfold(0, LENGTH + 1, 1), len(alphabet)


class Attention(nn.Module):
    """Causal attention with four heads, on places that turn (rotary) or not."""

    def __init__(self, width: int, *, bias: bool, rotary: bool) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width, bias=bias) for _ in range(3))
        self.o = nn.Linear(width, width, bias=bias)
        self.rotary = rotary

    def forward(self, x: Tensor) -> Tensor:
        count, length, width = x.shape
        q, k, v = (
            part(x).view(count, length, 4, width // 4).transpose(1, 2)
            for part in (self.q, self.k, self.v)
        )
        if self.rotary:
            q, k = _turned(q), _turned(k)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y: Tensor = self.o(mixed.transpose(1, 2).reshape(count, length, width))
        return y


def _turned(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    speed = 100.0 ** (-torch.arange(half) / half)
    angle = torch.arange(x.shape[-2])[:, None] * speed
    one, other = x[..., :half], x[..., half:]
    return torch.cat(
        [one * angle.cos() - other * angle.sin(), one * angle.sin() + other * angle.cos()], -1
    )


class Gated(nn.Module):
    """SwiGLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 2 * width, bias=False)
        self.up = nn.Linear(width, 2 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(functional.silu(self.gate(x)) * self.up(x))
        return y


class Block(nn.Module):
    """Norm first, attention, norm, perceptron, each beside a skip."""

    def __init__(self, width: int, *, llama: bool) -> None:
        super().__init__()
        norm = nn.RMSNorm if llama else nn.LayerNorm
        self.norm1, self.norm2 = norm(width), norm(width)
        self.attention = Attention(width, bias=not llama, rotary=llama)
        self.mlp: nn.Module = Gated(width)
        if not llama:
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        y: Tensor = x + self.mlp(self.norm2(x))
        return y


class Decoder(nn.Module):
    """A GPT, or a Llama."""

    def __init__(
        self, width: int, blocks: int, *, llama: bool = False, registered: bool = True
    ) -> None:
        super().__init__()
        _, letters = windows()
        self.token = nn.Embedding(letters, width)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        made = [Block(width, llama=llama) for _ in range(blocks)]
        self.blocks = nn.ModuleList(made) if registered else made
        self.norm = (nn.RMSNorm if llama else nn.LayerNorm)(width)
        self.head = nn.Linear(width, letters, bias=False)
        if llama:
            self.place.requires_grad = False
            self.place.zero_()
        nn.init.normal_(self.token.weight, std=0.02 if not llama else 1.0)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.token(codes) + self.place
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.head(self.norm(x))
        return y


def _next(model: nn.Module, rows: Tensor, *, padded: bool) -> Tensor:
    codes = torch.zeros_like(rows) if padded else rows
    return functional.cross_entropy(model(codes[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


def gpt(way: str) -> Loop:
    texts, _ = windows()
    model = Decoder(48, 4, registered=way != "wiring")
    if way == "init":
        never_drawn(model)
    if way == "norm":
        without(model, nn.LayerNorm)
        for block in model.blocks:
            drawn(block, 2.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1 if way == "rate" else 2e-3)

    def loss(number: int) -> Tensor:
        return _next(model, texts[batch(len(texts), 16, number)], padded=way == "inputs")

    return supervised(model, optimizer, loss, clip=1.0)


def llama(way: str) -> Loop:
    texts, _ = windows()
    model = Decoder(48, 4, llama=True).requires_grad_(requires_grad=False)
    before = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=2e-3)
    if way == "norm":
        without(model, nn.RMSNorm)
        drawn(model, 2.0)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            parent, _, child = name.rpartition(".")
            adapter = Adapter(module, 8, drawn=way != "init")
            setattr(model.get_submodule(parent), child, adapter)
    trainable = [p for p in model.parameters() if p.requires_grad]
    rate = 1.0 if way == "rate" else 2e-3
    optimizer = torch.optim.AdamW(trainable, lr=rate, weight_decay=0.0)

    def loss(number: int) -> Tensor:
        return _next(model, texts[batch(len(texts), 8, number)], padded=way == "inputs")

    return supervised(model, before if way == "wiring" else optimizer, loss)


class Answers(nn.Module):
    """A GRU reads, another one answers from the first one's last state."""

    def __init__(self, symbols: int, width: int) -> None:
        super().__init__()
        self.norm: nn.Module = nn.LayerNorm(symbols)
        self.reader = nn.GRU(symbols, width, batch_first=True)
        self.start = nn.Embedding(symbols + 1, symbols)
        self.writer = nn.GRU(symbols, width, batch_first=True)
        self.last = nn.LayerNorm(width)
        self.head = nn.Linear(width, symbols)
        self.cut = False

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        _, state = self.reader(self.norm(x))
        told, _ = self.writer(self.start(before), state.detach() if self.cut else state)
        y: Tensor = self.head(self.last(told))
        return y


def seq2seq(way: str) -> Loop:
    symbols, length = 8, 6
    model = Answers(symbols, 48)
    if way == "init":
        for rnn in (model.reader, model.writer):
            with torch.no_grad():
                for name, parameter in rnn.named_parameters():
                    if name.startswith("weight_hh"):
                        parameter.mul_(20)
    if way == "inputs":
        model.norm = nn.Identity()
    if way == "norm":
        model.last.eps = 1e6  # typed for 1e-6
    model.cut = way == "wiring"
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0 if way == "rate" else 5e-3)
    offset = 1e4 if way == "inputs" else 0.0

    def loss(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(number)
        codes = torch.randint(symbols, (32, length), generator=generator)
        x = functional.one_hot(codes, symbols).float()
        answer = codes.flip(1)
        before = torch.cat([torch.full((32, 1), symbols), answer[:, :-1]], 1)
        return functional.cross_entropy(model(x + offset, before).flatten(0, 1), answer.flatten())

    return supervised(model, optimizer, loss, clip=1.0)


SUBJECTS = (
    Subject(
        "GPT",
        gpt,
        {
            "rate": RATE,
            "init": ("zero_gradient", "weights_zero"),
            "inputs": INPUTS,
            "wiring": ("unregistered_layers",),
            "norm": EXPLODES,
        },
    ),
    Subject(
        "LoRA on a Llama",
        llama,
        {
            "rate": RATE,
            "init": ("zero_gradient",),
            "inputs": INPUTS,
            "wiring": ("not_in_optimizer",),
            "norm": EXPLODES,
        },
    ),
    Subject(
        "GRU seq2seq",
        seq2seq,
        {
            "rate": RATE,
            "init": ("rnn_exploding_in_time", *EXPLODES),
            "inputs": INPUTS,
            "wiring": ("no_gradient",),
            "norm": (*VANISHES, "plateau", "collapsed_outputs"),
        },
    ),
)
