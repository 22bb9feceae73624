"""Checks a few parameters of every step that is not sampled, in turn, for changes.

And the gradient of one of the first layers at every step, where a NaN that arises on the way back
ends up.
"""

from __future__ import annotations

import math
from time import perf_counter

import torch
from torch import Tensor, nn

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.optimizers import Grouped
from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.sampling.allowances import (
    CHECKS,
    END_ENTRIES,
    ENTRIES,
    JUMP,
    MEMORY,
    NOTICEABLE,
    Reason,
)
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.running_mean import RunningMean


class SpotChecks:
    """Remembers what each parameter was like at its latest check.

    Never waits for an accelerator: only what is in the memory of the CPU is checked.

    Args:
        decision: tells how much time there is per step.
        table: the layers.
    """

    def __init__(self, decision: SamplingDecision, table: LayerTable) -> None:
        self._decision = decision
        self._table = table
        self._generation = table.generation
        self._turn = 0
        self._saved = 0.0
        """Seconds that are saved up for the next checks."""
        self._cost = RunningMean(MEMORY)
        """Seconds that one check takes."""
        self._gradients: dict[int, float | None] = {}
        self._had: dict[int, bool] = {}
        """Whether each parameter has had a gradient whenever that was asked."""
        self._steps = self._asked = 0
        self._weights: dict[int, float] = {}
        self._settings: dict[tuple[int, int], float] = {}
        self._ends: dict[int, int] = {}
        """The parameter where a backward pass ends, by the optimizer that holds it.

        -1 where none can be checked.
        """

    def loss_scaled(self, scale: float) -> Reason | None:
        """What is found where the loss scale of this step is far from that of the step before."""
        return self._check_setting((0, -1), scale)

    def optimizer_steps(self, optimizer: Grouped, numbers: list[int]) -> Reason | None:
        """Checks the parameters whose turn it is, before the step of their optimizer.

        Args:
            optimizer: about to step.
            numbers: those of the parameters that it holds, not empty.
        """
        if self._generation != self._table.generation:
            self._generation = self._table.generation
            self._gradients, self._weights, self._ends = {}, {}, {}
            self._had = {}
        found = [self._check_end(optimizer, numbers)]
        self._steps += 1
        if self._steps % CHECKS == 0:
            found += self._check_presence(numbers)
        for place, group in enumerate(optimizer.param_groups):
            rate, key = group.get("lr"), (id(optimizer), place)
            if isinstance(rate, float) and rate != self._settings.get(key):
                found.append(self._check_setting(key, rate))
        # Time is saved up until it pays for several checks.
        checks = min(CHECKS, len(numbers))
        price, income = checks * self._cost.value, self._decision.seconds_per_step
        self._saved = min(price + income, self._saved + income)
        if self._saved >= price:
            self._saved -= price
            began = perf_counter()
            for _ in range(checks):
                self._turn += 1
                found += self._check(numbers[self._turn % len(numbers)])
            self._cost.add((perf_counter() - began) / checks)
        if not any(found):
            return None
        return next(reason for reason in Reason if reason in found)

    def _check_setting(self, key: tuple[int, int], value: float) -> Reason | None:
        before = self._settings.setdefault(key, value)
        if value == before or not _differs(before, value, JUMP):
            return None
        self._settings[key] = value
        return Reason.SPOT_CHECK

    def _check_end(self, optimizer: Grouped, numbers: list[int]) -> Reason | None:
        """Whether the gradient at the end of the backward pass has just become NaN or infinite."""
        number = self._ends.get(id(optimizer))
        if number is None:
            number = self._ends[id(optimizer)] = self._end_of(numbers)
        one = self._table.parameters[number]() if number >= 0 else None
        gradient = None if one is None else one.grad
        if gradient is None or not gradient.is_cpu or gradient.layout is not torch.strided:
            return None
        # At every step, by the one function of torch that this takes: after a step, each is slow
        # for the first time.
        is_short = gradient.dim() == 1 and gradient.numel() <= END_ENTRIES
        total = sum((gradient if is_short else _first(gradient, END_ENTRIES)).tolist())
        # Of what is not finite the difference is NaN, also where it is complex.
        return None if total - total == 0 else self._nonfinite(number)

    def _check_presence(self, numbers: list[int]) -> list[Reason | None]:
        """Whether parameters that have always had a gradient have none for the first time.

        Of a few in turn, one for each step, wherever they are: nothing of them is read. One that
        comes and goes is found once.
        """
        found: list[Reason | None] = []
        for _ in range(min(CHECKS, len(numbers))):
            self._asked += 1
            number = numbers[self._asked % len(numbers)]
            one = self._table.parameters[number]()
            if type(one) is not nn.Parameter:  # the code of another class might run
                continue
            has = one.grad is not None
            if self._had.setdefault(number, has) and not has:
                self._had[number], self._gradients[number] = False, None
                found.append(Reason.SPOT_CHECK)
        return found

    def _end_of(self, numbers: list[int]) -> int:
        """The first bias, or gain, that can be checked; else the first parameter; -1 for none.

        A bias adds up what comes from all of the batch, and is small.
        """
        known = [
            (one.dim() != 1, number)
            for number in numbers
            if (one := self._at_hand(number)) is not None
        ]
        return min(known, default=(True, -1))[1]

    def _at_hand(self, number: int) -> nn.Parameter | None:
        """The parameter; None where its values cannot be checked."""
        one = self._table.parameters[number]()
        if (
            one is None
            or not one.is_cpu
            or not one.requires_grad
            or one.layout is not torch.strided
            or ((type(one) is not nn.Parameter or one.is_nested) and unreadable(one) is not None)
        ):
            return None
        return one

    def _check(self, number: int) -> list[Reason | None]:
        one = self._at_hand(number)
        if one is None:
            return []
        return [self._check_gradient(number, one), self._check_weights(number, one)]

    def _check_gradient(self, number: int, one: nn.Parameter) -> Reason | None:
        gradient = one.grad
        if gradient is not None and gradient.layout is not torch.strided:
            return None
        size = None if gradient is None else _size(gradient)
        if size is not None and not math.isfinite(size):
            return self._nonfinite(number)
        before = self._gradients.get(number, size)
        self._gradients[number] = size
        if size is None:
            self._had[number] = False
        if before is None or size is None:
            changed = (before is None) != (size is None)
        else:
            # The few entries of a bias may happen to be near zero together.
            changed = one.dim() > 1 and _differs(before, size, JUMP)
        return Reason.SPOT_CHECK if changed else None

    def _nonfinite(self, number: int) -> Reason | None:
        """What is found where a gradient is not finite now, but was finite or missing before."""
        before, self._gradients[number] = self._gradients.get(number), math.nan
        return Reason.OVERFLOW if before is None or math.isfinite(before) else None

    def _check_weights(self, number: int, one: nn.Parameter) -> Reason | None:
        # A bias grows from nothing to something in any run.
        if one.dim() < 2:
            return None
        size = _size(one)
        if not _differs(self._weights.setdefault(number, size), size, NOTICEABLE):
            return None
        # The sample shows all of them, so the next change is one after it.
        self._weights = {}
        return Reason.WEIGHT_DRIFT


def _size(tensor: Tensor) -> float:
    """Root of the sum of squares of the first entries.

    What is too small or too large to be squared becomes 0 or infinite: both are worth a sample.
    """
    entries = tensor.detach()
    if entries.is_complex():
        entries = torch.view_as_real(entries.resolve_conj())
    vector = _first(entries, ENTRIES)
    if vector.dtype is not torch.float32:
        vector = vector.float()
    return math.sqrt(torch.dot(vector, vector).numpy())


def _first(tensor: Tensor, count: int) -> Tensor:
    """Its first entries, at most ``count``, as a vector."""
    if tensor.dim() == 1 and tensor.numel() <= count:
        return tensor
    if tensor.numel() > count and not tensor.is_contiguous():
        tensor = tensor[: 1 + count // tensor[0].numel()]
    return tensor.reshape(-1)[:count]


def _differs(before: float, now: float, factor: float) -> bool:
    high = max(before, now)
    return math.isfinite(high) and high > factor * min(before, now)
