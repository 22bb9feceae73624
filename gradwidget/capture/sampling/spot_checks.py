"""Looks at a few parameters of every step that is not sampled, in turn, and says when one is no
longer what it was.

And at the gradient of one of the first layers at every step: a NaN that arises on the way back ends
    up there.
"""

from __future__ import annotations

import cmath
import math
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.sampling.budget import Budget
from gradwidget.capture.torch_private import is_sharded

COST = 1e-5
"""Seconds that a look at the gradient and the weights of one parameter takes, before that was
measured."""
ENTRIES = 1 << 13
"""Entries that are looked at: reading more of them from memory would take longer than all the rest.
"""
AT_THE_END = 512
"""The same where the backward pass ends: a NaN spreads over all of what it passes through."""
TOGETHER = 4
"""Looks that are saved up for and done at once: the first of them is the dear one, its code and
data lie anywhere."""
MOST = 8
"""Looks a step at most, however much time there is."""
GRADIENT_CHANGE = 10.0
"""Factor by which a gradient is another than at the look before; the noise of batches is smaller.
"""
FEWEST = 16
"""Entries of a gradient whose size means something: a few may happen to be near zero together."""
WEIGHT_CHANGE = 1.5
"""The same of weights, which have no noise."""
RATE_CHANGE = 8.0
"""The same of learning rates and loss scales: schedules and scalers change them by less at a time.
"""
REST = 50
"""Steps for which a parameter that was noticed is not noticed again; twice as many each time."""
TOKENS = 3.0
"""Times in a row that something may be noticed, so that noise does not make a sampled run one that
is not."""
REGAINED = 0.005
"""Part of a token that comes back, a step."""
WEIGHT_TOKENS = 6.0
"""The same of weights: six times 1.5 is a factor of 11, past what a rule is looking for."""
WEIGHT_REGAINED = 0.05
"""Part of one of these that comes back, a step: weights that go on and on are sampled every 20
steps."""


class SpotChecks:
    """Remembers how each parameter looked.

    Never waits for an accelerator: only what lies in the memory of the CPU is looked at.

    Args:
        budget: tells how many looks a step can be paid.
        table: the layers.
    """

    def __init__(self, budget: Budget, table: LayerTable) -> None:
        self._budget = budget
        self._table = table
        self._generation = table.generation
        self._turn = 0
        self._steps = 0
        self._credit = 0.0
        self._cost = COST
        self._noise = _Tokens(TOKENS, REGAINED)
        self._drift = _Tokens(WEIGHT_TOKENS, WEIGHT_REGAINED)
        self._gradients: dict[int, float | None] = {}
        self._weights: dict[int, float] = {}
        self._settings: dict[tuple[int, int], float] = {}
        self._rests: dict[object, tuple[int, int]] = {}
        self._ends: dict[int, int] = {}
        """The parameter where a backward pass ends, by the optimizer that holds it; -1 where none
        can be looked at."""

    def see_changed(self, optimizer: Optimizer, owned: list[int]) -> bool:
        """Looks at the parameters whose turn it is, before the step of their optimizer; whether one
        has changed.
        """
        self._steps += 1
        if self._generation != self._table.generation:
            self._generation = self._table.generation
            self._gradients, self._weights, self._ends = {}, {}, {}
        changed = self._see_rates(optimizer) | self._see_end(optimizer, owned)
        self._credit = min(self._credit + self._budget.times(self._cost), MOST)
        looks = min(int(self._credit), len(owned))
        if looks >= min(TOGETHER, len(owned)):
            began = perf_counter()
            for _ in range(looks):
                self._turn += 1
                changed |= self._see(owned[self._turn % len(owned)])
            self._credit -= looks
            self._cost = 0.95 * self._cost + 0.05 * (perf_counter() - began) / looks
        return changed

    def see_scale(self, scale: float) -> bool:
        """Whether the loss scale of this step is far from that of the step before."""
        return self._see_setting((0, -1), scale)

    def _see_rates(self, optimizer: Optimizer) -> bool:
        changed = False
        for place, group in enumerate(optimizer.param_groups):
            rate = group.get("lr")
            if isinstance(rate, float):
                changed |= self._see_setting((id(optimizer), place), rate)
        return changed

    def _see_setting(self, key: tuple[int, int], value: float) -> bool:
        before = self._settings.setdefault(key, value)
        if not _differs(before, value, RATE_CHANGE):
            return False
        self._settings[key] = value
        return self._notice(key)

    def _see_end(self, optimizer: Optimizer, owned: list[int]) -> bool:
        """Whether the gradient at the end of the backward pass has just become NaN or infinite."""
        number = self._ends.get(id(optimizer))
        if number is None:
            # A bias, or a gain, if there is one: it adds up what comes from all of the batch, and
            # is small.
            known = [
                (one.dim() != 1, number)
                for number in owned
                if (one := self._at_hand(number)) is not None
            ]
            _, number = min(known, default=(True, -1))
            self._ends[id(optimizer)] = number
        one = self._table.parameters[number]() if number >= 0 else None
        gradient = None if one is None else one.grad
        if gradient is None or not gradient.is_cpu or gradient.layout is not torch.strided:
            return False
        # At every step, by the one function of torch that this takes: after a step, each is slow
        # for the first time.
        total = sum(_first(gradient, AT_THE_END).tolist())
        return not cmath.isfinite(total) and self._is_first_nonfinite(number)

    def _at_hand(self, number: int) -> nn.Parameter | None:
        """The parameter; None where its values cannot be looked at."""
        one = self._table.parameters[number]()
        if (
            one is None
            or not one.is_cpu
            or not one.requires_grad
            or is_sharded(one)
            or is_lazy(one)
        ):
            return None
        return one

    def _see(self, number: int) -> bool:
        one = self._at_hand(number)
        return one is not None and self._see_gradient(number, one) | self._see_weights(number, one)

    def _see_gradient(self, number: int, one: nn.Parameter) -> bool:
        gradient = one.grad
        if gradient is not None and gradient.layout is not torch.strided:
            return False
        size = None if gradient is None else _size(gradient)
        if size is not None and not math.isfinite(size):
            return self._is_first_nonfinite(number)
        before = self._gradients.get(number, size)
        self._gradients[number] = size
        if before is None or size is None:
            return (before is None) != (size is None) and self._notice(number)
        return (
            one.numel() >= FEWEST
            and _differs(before, size, GRADIENT_CHANGE)
            and self._notice(number)
        )

    def _is_first_nonfinite(self, number: int) -> bool:
        """Whether a gradient that is not finite now was finite, or not there, at the look before;
        remembers it.
        """
        before, self._gradients[number] = self._gradients.get(number), math.nan
        return before is None or math.isfinite(before)

    def _see_weights(self, number: int, one: nn.Parameter) -> bool:
        size = _size(one)
        before = self._weights.setdefault(number, size)
        # A bias grows from nothing to something in any run.
        if (
            one.dim() < 2
            or not _differs(before, size, WEIGHT_CHANGE)
            or not self._drift.take(self._steps)
        ):
            return False
        # The sample shows all of them, so what is next is what changes after it.
        self._weights = {}
        return True

    def _notice(self, what: object) -> bool:
        until, rest = self._rests.get(what, (0, REST))
        if self._steps < until or not self._noise.take(self._steps):
            return False
        self._rests[what] = self._steps + rest, 2 * rest
        return True


class _Tokens:
    """How often something may still be noticed: at most ``most`` times in a row, and a part of one
    more each step.
    """

    def __init__(self, most: float, regained: float) -> None:
        self._most, self._regained = most, regained
        self._left, self._step = most, 0

    def take(self, step: int) -> bool:
        """Uses one up; False where none is left."""
        self._left = min(self._most, self._left + (step - self._step) * self._regained)
        self._step = step
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _size(tensor: Tensor) -> float:
    """Root of the sum of squares of the first entries, which cost as little for a large tensor as
    for a small one.

    What is too small or too large to be squared comes out as 0 or infinite: both are worth a
        sample.
    """
    entries = tensor.detach()
    if entries.is_complex():
        entries = torch.view_as_real(entries)
    vector = _first(entries, ENTRIES)
    if vector.dtype is not torch.float32:
        vector = vector.float()
    return math.sqrt(torch.dot(vector, vector).numpy())


def _first(tensor: Tensor, count: int) -> Tensor:
    """At most so many of its first entries, in one line."""
    if tensor.dim() == 1 and tensor.numel() <= count:
        return tensor
    if tensor.numel() > count and not tensor.is_contiguous():
        tensor = tensor[: 1 + count // tensor[0].numel()]
    return tensor.reshape(-1)[:count]


def _differs(before: float, now: float, factor: float) -> bool:
    high = max(before, now)
    return math.isfinite(high) and high > factor * min(before, now)
