"""Multilayer perceptrons: how the runs build them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from evaluation.runs.run import Conditions

Initialize = Callable[[Tensor], Tensor]


class Amplifier(nn.Module):
    """Multiplies by a fixed number: a gain that is no parameter."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain


def stack(
    widths: list[int],
    activation: Callable[[], nn.Module],
    *,
    gain: float | None = None,
    between: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """Linear layers with an activation after each but the last, named as in ``nn.Sequential``.

    Args:
        widths: sizes from input to output.
        activation: makes the activation.
        gain: weights drawn with this gain over the square root of the fan-in; None leaves torch's
            own.
        between: makes what comes between a layer and its activation, from the layer's width.
    """
    modules: list[nn.Module] = []
    for place, (fan_in, fan_out) in enumerate(pairwise(widths)):
        linear = nn.Linear(fan_in, fan_out)
        if gain is not None:
            nn.init.normal_(linear.weight, std=gain / fan_in**0.5)
            nn.init.zeros_(linear.bias)
        modules.append(linear)
        if place < len(widths) - 2:
            if between is not None:
                modules.append(between(fan_out))
            modules.append(activation())
    return nn.Sequential(*modules)


def tower(
    conditions: Conditions, hidden: int, width: int, inputs: int = 64, outputs: int = 10
) -> list[int]:
    """Sizes of a net with that many hidden layers of one width."""
    return [inputs, *[conditions.width(width)] * conditions.depth(hidden), outputs]


def linears(model: nn.Module) -> list[nn.Linear]:
    """Every linear layer, in order of registration."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def names_of(model: nn.Module, *kinds: type[nn.Module]) -> tuple[str, ...]:
    """Names of the modules of those kinds, in order of registration."""
    return tuple(
        name for name, module in model.named_modules() if isinstance(module, kinds or (nn.Linear,))
    )


class Residual(nn.Module):
    """``x + body(x)``."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.body(x)
        return y


class Detached(nn.Module):
    """Passes values on and, once ``on``, no gradient back: a stray ``.detach()``."""

    def __init__(self, *, on: bool = True) -> None:
        super().__init__()
        self.on = on

    def forward(self, x: Tensor) -> Tensor:
        return x.detach() if self.on else x


class RootOfSquare(nn.Module):
    """``sqrt(x²)``, whose gradient at 0 is NaN although its value is not."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sqrt(x.square())
