"""Whether the gradients that an optimizer has used are still there when the next ones are added."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from gradwidget.capture.model.parameter_handle import ParameterHandle
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.torch_private import version

ENTRIES = 1 << 16
"""Entries of a gradient that are read, to see whether it was set to 0."""

Mark = tuple[int, int]
"""Identity and version of a gradient: they change whenever it does."""


@dataclass(slots=True)
class Probe:
    """One parameter of an optimizer, from one of its steps to the next."""

    parameter: ParameterHandle
    mark: Mark | None
    """Of its gradient, as far as only backward passes have changed it."""

    was_changed: bool = False
    """Whether the loop has cleared it, or changed it otherwise."""

    was_added_to: bool = False
    is_certain: bool = True
    """Whether each pass was in a step in which values are read."""

    nonzero: list[Fetch] = field(default_factory=list)
    """How many entries were not 0 before each pass."""


class KeptGradients:
    """Compares one gradient of each optimizer from one step to its next.

    Two signs tell that a loop has cleared it: another identity or version before a backward pass
    than after the last step or pass, or that all its entries are 0 (``.grad.data.zero_()`` leaves
    no other sign). No tensor is kept.
    """

    def __init__(self) -> None:
        self._probes: WeakKeyDictionary[Optimizer, Probe] = WeakKeyDictionary()
        self.is_probing = False
        """Whether there is anything to do at backward passes."""

    def pass_begins(self, readback: Readback | None) -> None:
        """A backward pass is about to run, which adds to gradients.

        Args:
            readback: brings values; None where none are read in this step.
        """
        for probe in self._probes.values():
            if probe.was_changed:
                continue
            gradient = _gradient(probe.parameter)
            if gradient is None or _mark(gradient) != probe.mark:
                probe.was_changed = True
            elif readback is None or unreadable(gradient) is not None:
                probe.is_certain = False
            else:
                entries = plain(gradient).reshape(-1)[:ENTRIES]
                probe.nonzero.append(readback.add(torch.count_nonzero(entries)))

    def pass_ended(self) -> None:
        """It has run, or has failed half-way."""
        for probe in self._probes.values():
            gradient = _gradient(probe.parameter)
            mark = None if gradient is None else _mark(gradient)
            if not probe.was_changed and mark != probe.mark:
                probe.was_added_to, probe.mark = True, mark

    def stepped(self, optimizer: Optimizer) -> Fetch | None:
        """An optimizer has stepped and used its gradients.

        Returns:
            A function that gives 1 where what the step before had used was never cleared, and
            0 where it was; None where that is not known.
        """
        before = self._probes.pop(optimizer, None)
        self.is_probing = len(self._probes) > 0
        return None if before is None else _verdict(before)

    def probe(self, optimizer: Optimizer, held: Iterable[ParameterHandle]) -> None:
        """An optimizer has just used its gradients: what becomes of one until its next step.

        Args:
            optimizer: the one.
            held: its parameters, the last first.
        """
        chosen = _chosen(held)
        gradient = None if chosen is None else _gradient(chosen)
        if chosen is not None and gradient is not None:
            self._probes[optimizer] = Probe(chosen, _mark(gradient))
            self.is_probing = True


def _verdict(probe: Probe) -> Fetch | None:
    if probe.was_changed:
        return lambda: np.zeros(())
    if not probe.was_added_to or not probe.is_certain:
        return None
    return lambda: np.array(float(all(float(count()) > 0 for count in probe.nonzero)))


def _gradient(handle: ParameterHandle) -> Tensor | None:
    parameter = handle()
    return None if parameter is None else parameter.grad


def _chosen(held: Iterable[ParameterHandle]) -> ParameterHandle | None:
    """The first that has a gradient, a small one if there is a choice."""
    first = None
    for handle in held:
        gradient = _gradient(handle)
        if gradient is not None:
            if gradient.numel() <= ENTRIES:
                return handle
            first = first or handle
    return first


def _mark(gradient: Tensor) -> Mark:
    return id(gradient), version(gradient)
