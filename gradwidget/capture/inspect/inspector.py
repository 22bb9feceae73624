"""Which layers are inspected, and when: in a running, a paused and an idle loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from torch import Tensor

from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.inspect.inspection_collector import (
    INSPECTING,
    InspectionCollector,
    Parameters,
    gradient,
    gradient_of,
    weight,
)
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.steps.backward_detector import BackwardDetector
from gradwidget.capture.torch_private import version
from gradwidget.capture.unmeasured import CLEARED, LATER, NOT_WATCHED
from gradwidget.frame import Entry, Histogram, Inspection

LEASE = 6.0
"""Seconds for which a layer is inspected after it was last asked for: it ends by itself."""
AGAIN = 0.5
"""Seconds between two inspections at least, in a loop that runs freely."""
SHARE = 0.5
"""Part of the budget that inspections may use while the loop runs freely.

The first inspection, and those of a person who steps, come at once."""


class Inspector:
    """Inspects single layers on the training thread, and keeps the last inspection of each.

    No tensor is kept. Only while the loop is paused does it hold references to the gradients of the
    step that was done, since a loop clears them before it can be paused.

    Args:
        table: the layers.
        guard: contains failures.
        detector: knows whether a backward pass has run in the step under way.
        budget: share of the step time that gradwidget may cost; None inspects as often as
            ``AGAIN`` allows.
        activations: whether outputs are watched.
    """

    def __init__(
        self,
        table: LayerTable,
        guard: Guard,
        detector: BackwardDetector,
        budget: float | None,
        *,
        activations: bool,
    ) -> None:
        self.emit: Callable[[Inspection], None] = lambda _: None
        """Told of each inspection that is to be shown; on any thread."""
        self._table = table
        self.guard = guard
        self._detector = detector
        self._budget = budget
        self._activations = activations
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._open: set[str] = set()
        self._seen: dict[str, tuple[int, Inspection]] = {}
        self._ended = 0
        self._next_along = 0.0
        """From when on layers are inspected in a step that is sampled anyway."""
        self._next_own = 0.0
        """From when on a step is sampled for an inspection."""
        self._step = 0
        self._last_step: int | None = None
        self._kept: dict[int, tuple[Tensor, int]] = {}
        self._is_paused = False
        self._thread = threading.get_ident()

    def ask(self, layer: str) -> bool:
        """Asks for a layer to be inspected for ``LEASE`` seconds; from any thread.

        It is inspected once at least, however long the step takes.

        Returns:
            Whether the last inspection is still the newest: it has just been emitted again.
        """
        with self._lock:
            self._until[layer] = monotonic() + LEASE
            ended, inspection = self._seen.get(layer, (-1, None))
            if inspection is None or ended != self._ended:
                self._open.add(layer)
                return False
        self.emit(inspection)
        return True

    def begin(self, step: int, *, sampled: bool, wanted: bool) -> InspectionCollector | None:
        """A step begins: the collector of its inspections; None where none is due.

        Args:
            step: its number.
            sampled: whether it is sampled anyway.
            wanted: whether somebody wants the loop to pause, now or soon.
        """
        self._step = step
        if not self._until:
            return None
        now = monotonic()
        with self._lock:
            self._until = {
                layer: until
                for layer, until in self._until.items()
                if until > now or layer in self._open
            }
            self._seen = {layer: seen for layer, seen in self._seen.items() if layer in self._until}
            layers = tuple(self._until)
            is_new = len(self._seen) < len(layers)
        if layers and (
            wanted or is_new or now >= (self._next_along if sampled else self._next_own)
        ):
            return InspectionCollector(step, layers, self._table, self.guard)
        return None

    def step_ended(
        self,
        step: int,
        collector: InspectionCollector | None,
        reasons: dict[str, str],
        *,
        paused: bool,
        wanted: bool,
    ) -> None:
        """A step is over: emits its inspections.

        Args:
            step: its number.
            collector: what ``begin`` gave for it.
            reasons: why outputs were not seen, by layer.
            paused: whether the loop is to be paused now.
            wanted: whether somebody wants that, now or soon.
        """
        self._ended += 1
        self._last_step = step
        self._thread = threading.get_ident()
        if self._is_paused:
            self.release()
        if paused:
            self._is_paused = True
            self._kept = {
                number: (one.grad, version(one.grad))
                for number, one in enumerate(self._table.tensors())
                if one is not None and one.grad is not None
            }
        if collector is not None:
            self.guard.run(
                INSPECTING, self._finish, collector, reasons, is_shown=paused or not wanted
            )

    def _finish(
        self, collector: InspectionCollector, reasons: dict[str, str], *, is_shown: bool
    ) -> None:
        if not self._activations:
            reasons = dict.fromkeys(collector.layers, NOT_WATCHED)
        inspections = collector.inspections(self._table.tensors(), reasons)
        now = monotonic()
        for inspection in inspections:
            self._note(inspection)
        if is_shown or now >= self._next_along:
            self._next_along = now + self._cooldown(collector.spent)
            self._next_own = now + self._cooldown(collector.spent_in_all())
            for inspection in inspections:
                self.emit(inspection)

    def resumed(self, *, sampled: bool) -> InspectionCollector | None:
        """The loop is resumed: a collector that includes what was asked for meanwhile.

        Args:
            sampled: whether the step that begins now is sampled.
        """
        self.release()
        return self.begin(self._step, sampled=True, wanted=True) if sampled else None

    def release(self) -> None:
        """Releases the gradients."""
        self._is_paused = False
        self._kept = {}

    @entry(INSPECTING)
    def inspect_now(self, layer: str) -> None:
        """Inspects a layer between two steps; only on the training thread, or when that is idle."""
        with self._lock:
            ended, before = self._seen.get(layer, (-1, None))
        if ended != self._ended or before is None:
            found = self._between(layer, before)
            self._note(found)
            self.emit(found)

    def is_elsewhere(self) -> bool:
        """Whether it is another thread than this one that trains."""
        return self._thread != threading.get_ident()

    def _cooldown(self, spent: float) -> float:
        """Seconds after which as much may be spent again."""
        return max(AGAIN, spent / (SHARE * self._budget)) if self._budget else AGAIN

    def _note(self, inspection: Inspection) -> None:
        with self._lock:
            self._seen[inspection.layer] = self._ended, inspection
            self._open.discard(inspection.layer)

    def _between(self, layer: str, before: Inspection | None) -> Inspection:
        parameters = self._table.tensors()
        slopes, worst = self._gradient(layer, parameters, before)
        own = {name: parameters[number] for name, number in self._table.numbers_of(layer).items()}
        missing = LATER if self._activations else NOT_WATCHED
        return Inspection(
            layer,
            slopes,
            weight(own, self._last_step),
            missing if before is None else before.activation,
            worst,
            None if before is None else before.calls,
        )

    def _gradient(
        self, layer: str, parameters: Parameters, before: Inspection | None
    ) -> tuple[Histogram | str, tuple[Entry, ...]]:
        in_between = not self._detector.has_passed
        step = self._last_step if in_between else self._step
        known = (LATER, ()) if before is None else (before.gradient, before.worst)
        if step is None:
            return known
        own = self._table.numbers_of(layer)
        if self._is_paused and in_between:
            kept = {
                name: self._kept[number] for name, number in own.items() if number in self._kept
            }
            if any(version(one) != mark for one, mark in kept.values()):
                return known if before is not None else (CLEARED, ())
            present = {name: kept[name][0] if name in kept else None for name in own}
        else:
            present = {
                name: gradient_of(parameters[number], number, None) for name, number in own.items()
            }
        if all(one is None for one in present.values()):
            return known
        found = gradient(present, step)
        return (found, ()) if isinstance(found, str) else found
