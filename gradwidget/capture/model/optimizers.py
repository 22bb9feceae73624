"""Which of a model's parameters an optimizer holds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, Protocol
from weakref import ReferenceType, WeakSet, ref

from torch.optim import Optimizer

from gradwidget.capture.model.layers import LayerTable

Known = tuple[ReferenceType[Optimizer], int, int, list[int]]


class Grouped(Protocol):
    """An optimizer of torch's, or what stands for another one."""

    param_groups: list[dict[str, Any]]


GONE = 20
"""Optimizers that stepped and are gone, from which it is no chance that they are."""


class OptimizerParameters:
    """Looked up once per optimizer, and again when its groups or the model's parameters change.

    Args:
        table: the layers.
        only: the one optimizer to listen to; None listens to all.
    """

    def __init__(self, table: LayerTable, only: Optimizer | None) -> None:
        self._table = table
        self._only = None if only is None else ref(only)
        self._known: dict[int, Known] = {}
        self._stepped: dict[int, ReferenceType[Optimizer]] = {}
        self._once: WeakSet[Optimizer] = WeakSet()
        self._without: WeakSet[Optimizer] = WeakSet()
        """Those that held no parameter of the model when they, or more of theirs, were new."""
        self.are_several = False
        """Whether more than one optimizer has been looked up."""
        self._steps = self._made = 0
        """Steps of all of them, and how many they are, those included that are gone."""

    def of(self, optimizer: Optimizer) -> list[int]:
        """Numbers of the trainable parameters that it holds; empty if it is not listened to."""
        if self._only is not None and not _is_same(self._only(), optimizer):
            return []
        return self._numbers(optimizer)

    @property
    def is_one_given(self) -> bool:
        """Whether one optimizer alone is listened to."""
        return self._only is not None

    def step_begins(self, optimizer: Optimizer) -> list[int]:
        """An optimizer is about to step, of this model or another: what ``of`` gives."""
        known = self._stepped.get(id(optimizer))
        self._steps += 1
        if known is None or known() is not optimizer:
            self._made += 1
            self._stepped = {key: one for key, one in self._stepped.items() if one() is not None}
            self._stepped[id(optimizer)] = ref(optimizer)
        return self.of(optimizer)

    @property
    def are_created_again(self) -> bool:
        """Whether the loop makes an optimizer for nearly every step, and throws it away."""
        gone = self._made - len(self._alive())
        return gone >= GONE and gone > self._steps / 2

    def names(self) -> tuple[str, ...]:
        """Class names of those that have stepped the model and still exist, first one first.

        Of one that wraps another, as it shares the groups of it, the inner one is named.
        """
        named = {id(one.param_groups): type(one).__name__ for one in self._of_the_model()}
        return tuple(named.values())

    def held(self) -> set[int] | None:
        """Numbers of the parameters that any of them holds, listened to or not.

        None where no optimizer has stepped the model yet.
        """
        found = [self._numbers(one) for one in self._of_the_model()]
        return set().union(*found) if found else None

    def everything_held(self) -> set[int]:
        """All parameters (by ``id``), of this model or another, that optimizers have stepped."""
        return {
            id(one)
            for optimizer in self._alive()
            for group in optimizer.param_groups
            for one in group["params"]
        }

    def _alive(self) -> list[Optimizer]:
        return [one for known in self._stepped.values() if (one := known()) is not None]

    def _of_the_model(self) -> list[Optimizer]:
        return [one for one in self._alive() if self._numbers(one) or one in self._once]

    def _is_listened_to(self, optimizer: Optimizer) -> bool:
        return self._only is None or _is_same(self._only(), optimizer)

    def _numbers(self, optimizer: Optimizer) -> list[int]:
        size = 0
        for group in optimizer.param_groups:
            size += len(group["params"])
        known = self._known.get(id(optimizer))
        if (
            known is not None
            and known[0]() is optimizer
            and known[1:3] == (size, self._table.generation)
        ):
            return known[3]
        held = {id(one) for group in optimizer.param_groups for one in group["params"]}
        numbers = [
            number
            for number, one in enumerate(self._table.parameters)
            if (parameter := one()) is not None
            and id(parameter) in held
            and parameter.requires_grad
        ]
        if numbers:
            self._once.add(optimizer)
        elif known is None or known[0]() is not optimizer or known[1] != size:
            self._without.add(optimizer)
        self._known[id(optimizer)] = (ref(optimizer), size, self._table.generation, numbers)
        self.are_several = len(self._known) > 1
        return numbers

    def is_first_without(self, optimizer: Optimizer) -> bool:
        """Whether one to listen to was looked up, held nothing, and this was not asked before."""
        is_first = optimizer in self._without
        self._without.discard(optimizer)
        return is_first and self._is_listened_to(optimizer)

    def lost(self, optimizer: Optimizer) -> bool:
        """Whether it has held parameters of the model that were all replaced since."""
        return (
            self._is_listened_to(optimizer)
            and optimizer in self._once
            and not self._numbers(optimizer)
        )

    def optimizers(self) -> list[Optimizer]:
        """Those listened to that hold any of the parameters, have stepped, and still exist."""
        found = []
        for known, _, _, numbers in self._known.values():
            optimizer = known()
            if optimizer is None or not numbers:
                continue
            if self._only is None or _is_same(self._only(), optimizer):
                found.append(optimizer)
        return found


def all_optimizers() -> Iterator[Optimizer]:
    """Every optimizer that lives in the process, which takes a while to search."""
    # By type(), since asking an object for its class may run its code.
    return (one for one in gc.get_objects() if issubclass(type(one), Optimizer))


def _is_same(wanted: Optimizer | None, optimizer: Optimizer) -> bool:
    # A wrapper of another library shares the groups of the optimizer that it drives.
    return wanted is not None and (
        wanted is optimizer or wanted.param_groups is optimizer.param_groups
    )
