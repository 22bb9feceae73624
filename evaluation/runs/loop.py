"""The usual loop of supervised learning, and the faults that set in while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import Unpack

from evaluation.runs.data import Batches
from evaluation.runs.run import Conditions, Training, nothing

Criterion = Callable[[Tensor, Tensor], Tensor]


class Options(TypedDict, total=False):
    """What else a ``Training`` takes."""

    chain: tuple[str, ...]
    clip: float | None
    accumulate: int
    schedule: LRScheduler | None
    scaler: torch.amp.GradScaler | None
    before: Callable[[int], None]


def supervised(
    conditions: Conditions,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    criterion: Criterion = functional.cross_entropy,
    *,
    precision: torch.dtype | None = None,
    scale: float = 1.0,
    **options: Unpack[Options],
) -> Training:
    """The loss is the criterion of the model's output and the targets.

    The forward runs under autocast where a precision is given.
    """

    def exact(number: int) -> Tensor:
        x, y = batches[number]
        return criterion(model(x), y) * scale * conditions.loss_scale

    def low(number: int) -> Tensor:
        x, y = batches[number]
        with torch.autocast("cpu", precision):
            output = model(x)
        return criterion(output.float(), y) * scale * conditions.loss_scale

    def probe() -> Tensor:
        x, y = batches.probe
        return criterion(model(x), y)

    if not conditions.sick:
        options["before"] = nothing
    if options.get("clip") is not None:
        options["clip"] = (options["clip"] or 0.0) * conditions.loss_scale
    return Training(
        model,
        optimizer,
        exact if precision is None else low,
        probe,
        full_precision=exact if precision == torch.float16 else None,
        **options,
    )


def with_loop_bug(
    training: Training, *, clear: bool = True, step: bool = True, attached: bool = True
) -> Training:
    """The plain loop with one of its lines left out.

    Args:
        training: whose loop it becomes.
        clear: whether gradients are cleared before each backward pass.
        step: whether the optimizer steps.
        attached: whether the loss has a graph, or is made again from its value.
    """

    def update(number: int) -> None:
        if clear:
            training.optimizer.zero_grad()
        loss = training.loss(number)
        training.seen_loss = float(loss.detach())
        if not attached:
            loss = torch.tensor(training.seen_loss, requires_grad=True)
        loss.backward()
        training.observe()
        if step:
            training.optimizer.step()

    training.update = update
    return training


def at(step: int, deed: Callable[[], object]) -> Callable[[int], None]:
    """The deed once, before that step."""

    def before(number: int) -> None:
        if number == step:
            deed()

    return before


def since(step: int, deed: Callable[[], object]) -> Callable[[int], None]:
    """The deed before that step and before every later one."""

    def before(number: int) -> None:
        if number >= step:
            deed()

    return before


def multiply(factor: float, *tensors: Tensor) -> None:
    """Weights scaled in place, as a bad surgery on a checkpoint would."""
    with torch.no_grad():
        for tensor in tensors:
            tensor.mul_(factor)


def fill(value: float, *tensors: Tensor) -> None:
    """Weights set to a value in place."""
    with torch.no_grad():
        for tensor in tensors:
            tensor.fill_(value)


def multiply_rate(factor: float, optimizer: torch.optim.Optimizer) -> None:
    """The learning rate of every group, scaled."""
    for group in optimizer.param_groups:
        group["lr"] *= factor


def set_option(optimizer: torch.optim.Optimizer, name: str, value: float) -> None:
    """An option of the optimizer, for every group."""
    for group in optimizer.param_groups:
        group[name] = value
