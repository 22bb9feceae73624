"""An architecture with its loop, and the ways in which it can be made sick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

WAYS = ("rate", "init", "inputs", "wiring", "norm")
"""What is wrong: the learning rate, the first weights, what goes in, a line of the model or its
optimizer, the norm layers."""

RATE = ("lr_too_high", "loss_diverging")
EXPLODES = ("exploding_gradients",)
VANISHES = ("vanishing_gradients",)
INPUTS = ("bad_inputs",)


@dataclass
class Loop:
    """A model and its loop, ready to take steps."""

    model: nn.Module
    step: Callable[[int], float]
    """One step of the loop by its number; gives its loss."""


@dataclass(frozen=True)
class Subject:
    """One architecture.

    A way that is not in ``named`` makes no sense for it; each names the symptoms that may lead.
    """

    name: str
    build: Callable[[str], Loop]
    """Makes a new one, sick in that way, or healthy for an empty string."""
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def supervised(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[int], Tensor],
    clip: float | None = None,
) -> Loop:
    """The usual loop, with clipping where a norm is given."""

    def step(number: int) -> float:
        optimizer.zero_grad()
        value = loss(number)
        value.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return float(value.detach())

    return Loop(model, step)


def matrices(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Every parameter of more than one dimension."""
    return [p for module in modules for p in module.parameters() if p.dim() > 1]


def drawn(model: nn.Module, gain: float) -> None:
    """Every matrix drawn again with that gain over the square root of its fan-in."""
    with torch.no_grad():
        for parameter in matrices([model]):
            nn.init.normal_(parameter, std=gain / parameter[0].numel() ** 0.5)


def never_drawn(model: nn.Module) -> None:
    """Everything but the norms is 0, since no initialization ever ran."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.zero_()


def shifted(model: nn.Module, kind: type[nn.Module], shift: float) -> None:
    """The bias of every norm of that kind set far off: what follows is off for every input."""
    for module in model.modules():
        if isinstance(module, kind):
            nn.init.constant_(module.get_parameter("bias"), shift)


def without(model: nn.Module, kind: type[nn.Module]) -> None:
    """Every module of that kind replaced by one that does nothing."""
    for name, module in list(model.named_modules()):
        if isinstance(module, kind):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, nn.Identity())


def batch(count: int, size: int, number: int) -> Tensor:
    """Indices of the batch of that number, always the same ones."""
    generator = torch.Generator().manual_seed(number)
    return torch.randint(count, (size,), generator=generator)
