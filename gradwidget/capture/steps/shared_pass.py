"""Several optimizers that use the gradients of one backward pass: together they are one step."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

from torch.optim import Optimizer

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.optimizers import OptimizerParameters, all_optimizers
from gradwidget.capture.torch_private import version

Mark = tuple[int, int]
"""Identity and version of a gradient; both 0 where there is none."""


class SharedPass:
    """Tells whether a step is over, or another optimizer has to step on its gradients as well.

    An optimizer is waited for where a backward pass of the step has changed its gradients, none of
    which an optimizer has used. One that was waited for in vain is not waited for again: in
    adversarial training a pass of one player leaves gradients with the other, who clears them.

    Args:
        table: the layers.
        optimizers: knows which parameters each optimizer holds.
    """

    def __init__(self, table: LayerTable, optimizers: OptimizerParameters) -> None:
        self._table = table
        self._optimizers = optimizers
        self._before: WeakKeyDictionary[Optimizer, list[Mark]] = WeakKeyDictionary()
        self._fed: list[ReferenceType[Optimizer]] = []
        """Those whose gradients a pass has changed since the step began."""
        self._in_vain: WeakSet[Optimizer] = WeakSet()
        self._used: set[int] = set()
        """Numbers of the parameters that have been stepped."""
        self._stepped: list[ReferenceType[Optimizer]] = []
        self._waited_for: WeakSet[Optimizer] = WeakSet()
        self.is_pending = False
        """Whether an optimizer has stepped and another is waited for."""
        self.is_alone = False
        """Whether none has to be waited for, as far as known: no pass has fed another."""
        self._has_searched = False

    def pass_begins(self) -> None:
        """A backward pass is about to run."""
        self._before = WeakKeyDictionary({one: self._marks(one) for one in self._several()})

    def pass_ended(self) -> None:
        """It has run."""
        before, self._before = self._before, WeakKeyDictionary()
        for optimizer, marks in before.items():
            if marks != self._marks(optimizer):
                self._fed.append(ref(optimizer))
                self.is_alone = False

    def has_stepped(self, optimizer: Optimizer) -> bool:
        """Whether this optimizer has stepped already in the step under way."""
        return any(one() is optimizer for one in self._stepped)

    def stepped(self, optimizer: Optimizer, held: Sequence[int]) -> bool:
        """An optimizer has stepped; whether another is waited for.

        Need not be asked while ``is_alone``.

        Args:
            optimizer: the one.
            held: numbers of its parameters.
        """
        self._stepped.append(ref(optimizer))
        self._used.update(held)
        self._search()
        awaited = self._awaited() if self._fed else []
        self.is_pending = bool(awaited)
        if self.is_pending or self._waited_for:
            self._waited_for = WeakSet(awaited)
        return self.is_pending

    def step_ended(self) -> None:
        """The step is over; who is still waited for has not come."""
        if self.is_pending:
            self._in_vain.update(self._waited_for)
            self._waited_for, self.is_pending = WeakSet(), False
        if self._stepped or self._fed:
            self._fed, self._stepped, self._used = [], [], set()
            self.is_alone = self._has_searched

    def _awaited(self) -> list[Optimizer]:
        return [
            optimizer
            for one in self._fed
            if (optimizer := one()) is not None
            and optimizer not in self._in_vain
            and self._used.isdisjoint(held := self._optimizers.of(optimizer))
            and any(mark != (0, 0) for mark in self._marks_of(held))
        ]

    def _several(self) -> list[Optimizer]:
        known = self._optimizers.optimizers()
        return known if len(known) > 1 else []

    def _marks(self, optimizer: Optimizer) -> list[Mark]:
        return self._marks_of(self._optimizers.of(optimizer))

    def _marks_of(self, held: Sequence[int]) -> list[Mark]:
        """Of the first and the last of some parameters."""
        marks = []
        for number in (held[0], held[-1]) if held else ():
            parameter = self._table.parameters[number]()
            gradient = None if parameter is None else parameter.grad
            marks.append((0, 0) if gradient is None else (id(gradient), version(gradient)))
        return marks

    def _search(self) -> None:
        """In the first step: finds optimizers yet to step, where one may be missing."""
        if self._has_searched:
            return
        self._has_searched = True
        is_missing = any(
            number not in self._used and (one := handle()) is not None and one.grad is not None
            for number, handle in enumerate(self._table.parameters)
        )
        if not is_missing:
            return
        for optimizer in all_optimizers():
            if not self.has_stepped(optimizer):
                held = self._optimizers.of(optimizer)
                if held and any(mark != (0, 0) for mark in self._marks_of(held)):
                    self._fed.append(ref(optimizer))
