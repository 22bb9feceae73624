"""Models with parts that learn little by design: adapters, experts, embeddings of rare things.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import stack
from evaluation.runs.run import Conditions, Training, healthy, sick

RANK = 4


class Adapted(nn.Module):
    """A frozen linear layer and a low-rank change of it (LoRA, arXiv 2106.09685)."""

    def __init__(self, base: nn.Linear, scale: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        self.down = nn.Linear(base.in_features, RANK, bias=False)
        self.up = nn.Linear(RANK, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.base(x) + self.scale * self.up(self.down(x))
        return y


def _adapted(c: Conditions, *, scale: float = 2.0, both_zero: bool = False) -> Training:
    """A net that knows digits, adapted to digits that stand upside down."""
    batches = digits(c)
    base = stack([64, c.width(64), c.width(64), 10], nn.ReLU, gain=2**0.5)
    known = torch.optim.Adam(base.parameters(), lr=5e-3)
    for number in range(80):
        known.zero_grad()
        x, y = batches[10_000 + number]
        functional.cross_entropy(base(x), y).backward()
        known.step()
    base.zero_grad()
    model = nn.Sequential(
        *[Adapted(layer, scale) if isinstance(layer, nn.Linear) else layer for layer in base]
    )
    if both_zero:
        for part in model:
            if isinstance(part, Adapted):
                nn.init.zeros_(part.down.weight)
    turned = batches.changed(batches.x.flip(1))
    return supervised(c, model, c.adam(model, 1e-2), turned)


@sick(150, cause="zero_gradient", zero_gradient="*")
def lora_both_halves_zero(c: Conditions) -> Training:
    """Both factors of the change start at 0: each gets its gradient through the other."""
    return _adapted(c, both_zero=c.sick)


@sick(150, cause="lr_too_high", lr_too_high="")
def lora_alpha_of_thousands(c: Conditions) -> Training:
    """The change is multiplied by 500: alpha was taken for something that is divided by width."""
    return _adapted(c, scale=500.0 if c.sick else 2.0)


@healthy(200)
def lora_from_nothing(c: Conditions) -> Training:
    """One factor starts at 0, as it should: at first the other has no gradient at all."""
    return _adapted(c)


class Mixture(nn.Module):
    """Four experts and a router.

    Args:
        width: of each expert.
        hard: whether the router's choice is taken without its weight.
        registered: whether the model knows of its experts.
    """

    def __init__(self, width: int, *, hard: bool = False, registered: bool = True) -> None:
        super().__init__()
        experts = {f"expert{number}": stack([8, width, 8], nn.ReLU) for number in range(4)}
        self.router = nn.Linear(8, 4)
        self.experts = nn.ModuleDict(experts) if registered else experts
        self.hard = hard
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.router(x).softmax(1)
        if self.hard:
            gate = functional.one_hot(gate.argmax(1), 4).float()
        answers = torch.stack([expert(x) for expert in self.experts.values()], 1)
        y: Tensor = self.head((gate[:, :, None] * answers).sum(1))
        return y


def _regimes(c: Conditions) -> Batches:
    """In each quarter of the plane of the first two features another linear law holds."""
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.randn(3000, 8, generator=generator)
    laws = torch.randn(4, 8, 3, generator=generator) / 8**0.5
    regime = (x[:, 0] > 0).long() * 2 + (x[:, 1] > 0).long()
    return Batches(x, torch.einsum("ni,nio->no", x, laws[regime]), c.batch(64), c.seed)


def _experts(c: Conditions, model: nn.Module) -> Training:
    return supervised(c, model, c.adam(model, 1e-2), _regimes(c), functional.mse_loss)


@sick(300, cause="no_gradient", cure="person", no_gradient="router")
def experts_by_argmax(c: Conditions) -> Training:
    """The router's choice is an ``argmax``: the experts learn, the router never does."""
    return _experts(c, Mixture(c.width(8), hard=c.sick))


@sick(200, cause="unregistered_layers", cure="person", unregistered_layers="")
def experts_in_a_dict(c: Conditions) -> Training:
    """The experts stand in a Python dict: only router and head are in ``parameters()``."""
    return _experts(c, Mixture(c.width(16), registered=not c.sick))


@healthy(300)
def experts_weighed(c: Conditions) -> Training:
    """All experts, weighed by the router: some soon count for little."""
    return _experts(c, Mixture(c.width(32)))


@healthy(250)
def words_mostly_unseen(c: Conditions) -> Training:
    """An embedding of 500 words, of which a batch has some dozens: most rows have no gradient."""
    generator = torch.Generator().manual_seed(c.seed)
    words = torch.randint(500, (2000, 5), generator=generator)
    mood = torch.randn(500, generator=generator)
    y = (mood[words].sum(1) > 0).long()
    model = nn.Sequential(nn.EmbeddingBag(500, c.width(32)), nn.Linear(c.width(32), 2))
    return supervised(c, model, c.adam(model, 2e-2), Batches(words, y, c.batch(32), c.seed))
