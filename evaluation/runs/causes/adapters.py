"""Low-rank adapters on a frozen model (LoRA, arXiv 2106.09685), and the language model they fit."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from evaluation.runs.data import digits, next_character, text
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import tower
from evaluation.runs.run import Conditions, Training, healthy, sick
from evaluation.runs.transformer import LENGTH, Language


class Adapter(nn.Module):
    """A frozen linear layer and a product of two thin matrices beside it, the second of zeros.

    Args:
        base: the layer.
        rank: of the product.
        drawn: whether the first matrix is drawn; else it is 0 as well.
        scale: of the product, alpha over the rank.
    """

    def __init__(
        self, base: nn.Linear, rank: int, *, drawn: bool = True, scale: float = 2.0
    ) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        self.lora_a = nn.Linear(base.in_features, rank, bias=False)
        self.lora_b = nn.Linear(rank, base.out_features, bias=False)
        self.scale = scale
        nn.init.zeros_(self.lora_b.weight)
        if not drawn:
            nn.init.zeros_(self.lora_a.weight)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.base(x) + self.scale * self.lora_b(self.lora_a(x))
        return y


def adapted_mlp(
    c: Conditions, rank: int = 4, *, drawn: bool = True, scale: float = 2.0
) -> nn.Sequential:
    """Three frozen layers, each with an adapter."""
    modules: list[nn.Module] = []
    widths = tower(c, 2, 64)
    for fan_in, fan_out in pairwise(widths):
        base = nn.Linear(fan_in, fan_out)
        nn.init.normal_(base.weight, std=(2 / fan_in) ** 0.5)
        modules += [Adapter(base, rank, drawn=drawn, scale=scale), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def adapted_language(
    c: Conditions, *, every_layer: bool = False, rank: int = 4, drawn: bool = True
) -> Language:
    """A frozen language model with adapters on its attention, or on every linear layer."""
    model = Language(c.width(32), 2).requires_grad_(requires_grad=False)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and (every_layer or "attention" in name):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, Adapter(module, rank, drawn=drawn))
    return model


def adapters(model: nn.Module, factor: str = "lora_b") -> tuple[str, ...]:
    """Names of one factor of every adapter, in order of registration."""
    return tuple(name for name, _ in model.named_modules() if name.endswith(factor))


def tuned(c: Conditions, model: Language, rate: float, warm_up: int = 0) -> Training:
    """The usual fine-tuning: AdamW on what is not frozen."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=c.rate(rate), weight_decay=0.0)
    schedule = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / max(1, warm_up)))
    return supervised(
        c, model, optimizer, text(c, LENGTH), next_character, schedule=schedule, clip=1.0
    )


@sick(150, cause="zero_gradient", zero_gradient="*")
def mlp_adapters_both_zero(c: Conditions) -> Training:
    """Both factors of every adapter start at 0: each gradient is a product with the other."""
    model = adapted_mlp(c, drawn=not c.sick)
    return supervised(c, model, c.adam(model, 5e-3), digits(c), chain=adapters(model))


@sick(150, cause="lr_too_low", lr_too_low="")
def mlp_adapters_too_slow(c: Conditions) -> Training:
    """Adapters on a rate of 5e-7, typed for 5e-3."""
    model = adapted_mlp(c)
    optimizer = c.adam(model, 5e-7 if c.sick else 5e-3)
    return supervised(c, model, optimizer, digits(c), chain=adapters(model))


@healthy(150)
def transformer_adapters(c: Conditions) -> Training:
    """Adapters on the attention alone, at a usual rate."""
    return tuned(c, adapted_language(c), 5e-3)


@healthy(150)
def transformer_adapters_warm_up(c: Conditions) -> Training:
    """The same with a rate that rises over 50 steps: the second factors stay near 0 for long."""
    return tuned(c, adapted_language(c, every_layer=True), 1e-2, warm_up=50)


@healthy(180)
def mlp_adapters(c: Conditions) -> Training:
    """Adapters on all layers of a perceptron, its head included, which is frozen too."""
    model = adapted_mlp(c)
    return supervised(c, model, c.adam(model, 5e-3), digits(c), chain=adapters(model))
