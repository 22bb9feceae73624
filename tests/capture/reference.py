"""The slow way: every gradient and output of a zoo case copied and reduced in float64, with hooks on the objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gradwidget.capture.activations import first_tensor
from gradwidget.capture.internals import in_backward
from tests.capture.zoo import Case

Entries = NDArray[Any]


@dataclass
class Seen:
    """What one step had."""

    gradients: dict[int, Entries] = field(default_factory=dict)
    """By ``id`` of the parameter; only of those that the stepping optimizer holds."""
    weights: dict[int, Entries] = field(default_factory=dict)
    after: dict[int, Entries] = field(default_factory=dict)
    flows: dict[str, dict[int, Entries]] = field(default_factory=dict)
    """Gradient of each output that got one, by layer."""


class Reference:
    """Runs a case for some steps and keeps everything."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.steps: list[Seen] = []
        self.now = Seen()
        self._hooked: set[int] = set()

    def run(self, steps: int) -> list[Seen]:
        with self.watching():
            for number in range(steps):
                self.step(number)
        return self.steps

    @contextmanager
    def watching(self) -> Iterator[None]:
        # an optimizer may be made in the middle of a step
        handles = [
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
            register_module_forward_hook(self._output),
        ]
        yield
        for handle in handles:
            handle.remove()

    def step(self, number: int) -> None:
        self._hook()
        self.case.step(number)
        if self.case.manual or self.case.in_backward:
            self._end()

    def _hook(self) -> None:
        if self.case.manual:
            for parameter in self.case.model.parameters():
                if id(parameter) not in self._hooked:
                    self._hooked.add(id(parameter))
                    parameter.register_post_accumulate_grad_hook(self._accumulated)

    def _before(self, optimizer: Optimizer, *_: object) -> None:
        if self._is_of_the_case(optimizer):
            self._read(optimizer)

    def _is_of_the_case(self, optimizer: Optimizer) -> bool:
        return any(optimizer is one for one in self.case.optimizers)

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._is_of_the_case(optimizer):
            return
        if (len(args) > 1 and args[1] is not None) or kwargs:  # a closure has made new gradients
            self._read(optimizer, weights=False)
        for parameter in _parameters(optimizer):
            self.now.after[id(parameter)] = entries(parameter)
        if not self.case.in_backward:
            self._end()

    def _accumulated(self, parameter: Tensor) -> None:
        self.now.gradients[id(parameter)] = entries(parameter.grad)
        self.now.weights[id(parameter)] = entries(parameter)

    def _read(self, optimizer: Optimizer, *, weights: bool = True) -> None:
        for parameter in _parameters(optimizer):
            if weights:
                self.now.weights[id(parameter)] = entries(parameter)
            if parameter.grad is not None:
                self.now.gradients[id(parameter)] = entries(parameter.grad)

    def _output(self, module: nn.Module, _: object, output: object) -> None:
        name = next((name for name, one in self.case.model.named_modules() if one is module), None)
        tensor = first_tensor(output)
        if name is None or tensor is None or not tensor.requires_grad or in_backward():
            return
        flows = self.now.flows.setdefault(name or "(root)", {})
        number = len(flows)
        flows[number] = np.empty(0)

        def keep(gradient: Tensor) -> None:
            if in_backward():
                # the last gradient counts: one before it was of an autograd.grad inside the loss
                flows[number] = entries(gradient)

        tensor.register_hook(keep)

    def _end(self) -> None:
        if self.case.manual:
            self.now.after = {id(one): entries(one) for one in self.case.model.parameters()}
        self.steps.append(self.now)
        self.now = Seen()


def entries(tensor: Tensor | None) -> Entries:
    assert tensor is not None
    tensor = tensor.detach()
    if tensor.is_sparse:
        tensor = tensor.to_dense()
    wide = torch.complex128 if tensor.is_complex() else torch.float64
    return tensor.to(wide).flatten().clone().numpy()


def norm(*parts: Entries) -> float:
    return float(np.sqrt(sum(float(np.sum(np.abs(part) ** 2)) for part in parts)))


def _parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    return [one for group in optimizer.param_groups for one in group["params"] if one.requires_grad]
