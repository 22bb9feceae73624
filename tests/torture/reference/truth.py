"""The figures of every step by plain autograd and double precision: what a frame has to say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

PARAMETRIZATIONS = ".parametrizations"


@dataclass
class Truth:
    """The figures of one step."""

    layers: dict[str, dict[str, float]] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=dict)


class Truths:
    """Notes the truth around every step of an optimizer.

    Args:
        model: what is trained.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.steps: list[Truth] = []
        self.losses: list[Tensor] = []
        """Losses since the gradients were cleared."""

    def around(self, optimizer: Optimizer) -> Step:
        """The truth about a step of this optimizer that is about to begin."""
        return Step(self._model, optimizer)

    def done(self, step: Step) -> None:
        """It has ended."""
        truth = step.truth()
        if self.losses:
            truth.scalars["loss"] = math.fsum(map(float, self.losses))
        self.losses = []
        self.steps.append(truth)


class Step:
    """One step of an optimizer: what its parameters were before it."""

    def __init__(self, model: nn.Module, optimizer: Optimizer) -> None:
        trained = {id(one) for group in optimizer.param_groups for one in group["params"]}
        self._layers = {
            name: own
            for name, own in layers_of(model).items()
            if all(id(one) in trained and one.requires_grad for one in own)
        }
        parameters = [one for one in model.parameters() if id(one) in trained]
        self._weights = {id(one): entries(one) for one in parameters}
        self._gradients = {id(one): entries(one.grad) for one in parameters if one.grad is not None}

    def truth(self) -> Truth:
        """The figures, now that the step has ended."""
        truth = Truth()
        for name, own in self._layers.items():
            before = [self._weights[id(one)] for one in own]
            gradients = [self._gradients[id(one)] for one in own if id(one) in self._gradients]
            figures = {"weight_norm": norm(before)}
            if gradients:
                figures["grad_norm"] = norm(gradients)
            if figures["weight_norm"] > 0:
                moved = [entries(one) - old for one, old in zip(own, before, strict=True)]
                figures["update_ratio"] = norm(moved) / figures["weight_norm"]
            truth.layers[name] = figures
        if self._gradients:
            truth.scalars["total_grad_norm"] = norm(self._gradients.values())
        return truth


def layers_of(model: nn.Module) -> dict[str, Sequence[nn.Parameter]]:
    """The own parameters of every module that has any, by the name that it has in a frame."""
    found: dict[str, list[nn.Parameter]] = {}
    for name, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if own:
            outer = f".{name}".partition(PARAMETRIZATIONS)[0].lstrip(".")
            found.setdefault(outer or "(root)", []).extend(own)
    return {name: own for name, own in found.items() if not any(map(is_unreadable, own))}


def is_unreadable(parameter: Tensor) -> bool:
    """Whether it has no entries to compare."""
    return (
        parameter.device.type == "meta"
        or parameter.layout is not torch.strided
        or not (parameter.is_floating_point() or parameter.is_complex())
    )


def entries(tensor: Tensor) -> Tensor:
    """Every entry, in double precision."""
    dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    return dense.reshape(-1).to(torch.complex128 if dense.is_complex() else torch.float64).clone()


def norm(parts: Iterable[Tensor]) -> float:
    """L2 norm over all parts."""
    return math.sqrt(math.fsum(float(part.abs().square().sum()) for part in parts))
