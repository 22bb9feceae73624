"""Small transformers on character text, sick and healthy."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, alphabet_size, next_character, text
from evaluation.runs.loop import at, fill, multiply_rate, since, supervised
from evaluation.runs.mlp import Amplifier, Detached, RootOfSquare
from evaluation.runs.run import Conditions, Training, healthy, sick

LENGTH = 16


class Attention(nn.Module):
    """Causal self-attention with two heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        count, length, width = x.shape
        q, k, v = self.qkv(x).view(count, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y: Tensor = self.out(mixed.transpose(1, 2).reshape(count, length, width))
        return y


class Scale(nn.Module):
    """One small factor a channel, learnt (LayerScale, arXiv 2103.17239)."""

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), start))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """Norm first, attention, then a perceptron, each beside a skip connection."""

    def __init__(self, width: int, *, scale: float | None = None, skip: float = 1.0) -> None:
        super().__init__()
        self.skip = skip
        self.norm: nn.Module = nn.LayerNorm(width)
        self.attention = Attention(width)
        self.norm_mlp: nn.Module = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.scales = nn.ModuleList(
            [nn.Identity() if scale is None else Scale(width, scale) for _ in range(2)]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.skip * x + self.scales[0](self.attention(self.norm(x)))
        y: Tensor = self.skip * x + self.scales[1](self.mlp(self.norm_mlp(x)))
        return y


class Language(nn.Module):
    """Characters and places embedded, blocks, and a prediction at every place."""

    def __init__(
        self,
        width: int,
        blocks: int,
        *,
        scale: float | None = None,
        before_blocks: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(alphabet_size(), width)
        self.place = nn.Embedding(LENGTH, width)
        nn.init.normal_(self.token.weight, std=0.1)
        nn.init.normal_(self.place.weight, std=0.1)
        self.before_blocks = before_blocks or nn.Identity()
        self.blocks = nn.Sequential(*[Block(width, scale=scale) for _ in range(blocks)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, alphabet_size())

    def forward(self, x: Tensor) -> Tensor:
        embedded = self.token(x) + self.place.weight[: x.shape[1]]
        y: Tensor = self.head(self.norm(self.blocks(self.before_blocks(embedded))))
        return y


CHAIN = ("token", "norm", "head")


def _width(c: Conditions) -> int:
    return c.width(32)


@sick(
    130,
    onset=105,
    cause="gradients_nonfinite",
    gradients_nonfinite="*",
    weights_nonfinite="*",
    loss_nonfinite="",
)
def transformer_root_of_zero(c: Conditions) -> Training:
    """At step 105 a masked value is exactly 0 under a root: finite forward, NaN backward."""
    root, gate = RootOfSquare(), Amplifier(1.0)
    model = Language(_width(c), 2, before_blocks=nn.Sequential(gate, root))

    def fault(step: int) -> None:
        gate.gain = 0.0 if step == 105 else 1.0

    return supervised(
        c, model, c.adam(model, 3e-3), text(c, LENGTH), next_character, chain=CHAIN, before=fault
    )


@sick(170, onset=120, cause="lr_too_high", lr_too_high="", loss_unstable="")
def transformer_rate_jumps(c: Conditions) -> Training:
    """At step 120 the learning rate of Adam is multiplied by 300."""
    model = Language(_width(c), 2)
    optimizer = c.adam(model, 3e-3)
    fault = at(120, lambda: multiply_rate(300.0, optimizer))
    return supervised(
        c, model, optimizer, text(c, LENGTH), next_character, chain=CHAIN, before=fault
    )


@sick(170, onset=110, cause="no_gradient", cure="person", no_gradient="token")
def transformer_embedding_detached(c: Conditions) -> Training:
    """From step 110 a refactoring detaches the embeddings."""
    detached = Detached(on=False)
    model = Language(_width(c), 2, before_blocks=detached)

    def fault() -> None:
        detached.on = True

    return supervised(
        c,
        model,
        c.adam(model, 3e-3),
        text(c, LENGTH),
        next_character,
        chain=CHAIN,
        before=at(110, fault),
    )


@sick(170, onset=115, cause="weights_zero", cure="person", weights_zero="blocks.1.mlp.0")
def transformer_layer_wiped(c: Conditions) -> Training:
    """From step 115 a mask keeps nothing of one layer."""
    model = Language(_width(c), 2)
    wiped = model.blocks.get_submodule("1.mlp.0")
    fault = since(115, lambda: fill(0.0, *wiped.parameters()))
    return supervised(
        c, model, c.adam(model, 3e-3), text(c, LENGTH), next_character, chain=CHAIN, before=fault
    )


@sick(140, cause="lr_too_low", lr_too_low="", plateau="")
def transformer_rate_too_low(c: Conditions) -> Training:
    """Adam with a learning rate of 1e-7, on so little text that it could be learnt by heart."""
    model = Language(_width(c), 2)
    batches = text(c, LENGTH)
    few = Batches(batches.x[:24], batches.y[:24], batches.size, c.seed)
    return supervised(
        c, model, c.adam(model, 1e-7 if c.sick else 3e-3), few, next_character, chain=CHAIN
    )


@sick(120, cause="vanishing_gradients", cure="person", vanishing_gradients="*")
def transformer_without_skips(c: Conditions) -> Training:
    """The skip connections were forgotten, and the blocks are scaled as if they were there."""
    model = Language(_width(c), 4, scale=0.05)
    for block in model.blocks:
        if c.sick and isinstance(block, Block):
            block.skip = 0.0
            block.norm = block.norm_mlp = nn.Identity()
    rate = 1e-4 if c.sick else 3e-3
    return supervised(c, model, c.adam(model, rate), text(c, LENGTH), next_character, chain=CHAIN)


@healthy(130)
def transformer_plain(c: Conditions) -> Training:
    """Norm first, two blocks, Adam."""
    model = Language(_width(c), 2)
    return supervised(c, model, c.adam(model, 5e-3), text(c, LENGTH), next_character, chain=CHAIN)


@healthy(130)
def transformer_layer_scale(c: Conditions) -> Training:
    """LayerScale at 1e-4: the branches start with next to no gradient."""
    model = Language(_width(c), 2, scale=1e-4)
    return supervised(c, model, c.adam(model, 5e-3), text(c, LENGTH), next_character, chain=CHAIN)


class Stock(nn.Module):
    """torch's own encoder layers, norm last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(alphabet_size(), width)
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(width, alphabet_size())

    def forward(self, x: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        y: Tensor = self.head(self.encoder(self.token(x), mask=mask, is_causal=True))
        return y


@healthy(130)
def transformer_stock_encoder(c: Conditions) -> Training:
    """``nn.TransformerEncoder`` as it comes, with dropout."""
    model = Stock(_width(c))
    return supervised(
        c, model, c.adam(model, 5e-3), text(c, LENGTH), next_character, chain=("token", "head")
    )


class Bag(nn.Module):
    """Rare words: an embedding of 5,000 rows, of which a batch uses a few."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(5000, width, mode="mean")
        self.head = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, alphabet_size())
        )

    def forward(self, x: Tensor) -> Tensor:
        pairs = (x[:, :-1] * alphabet_size() + x[:, 1:]) % 5000
        y: Tensor = self.head(self.words(pairs))
        return y


@healthy(200)
def transformer_rare_words(c: Conditions) -> Training:
    """An embedding most of whose rows have no gradient at any one step."""
    model = Bag(_width(c))

    def criterion(logits: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(logits, target[:, -1])

    return supervised(
        c,
        model,
        c.adam(model, 1e-2),
        text(c, 8, 32),
        criterion,
        chain=("words", "head.0", "head.2"),
    )
