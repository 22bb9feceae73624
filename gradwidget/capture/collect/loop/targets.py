"""What a loss holds the outputs against, as the graph of the loss has kept it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gradwidget.capture.guard import Guard
from gradwidget.capture.model.nonlinearity import Node, node_of
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.torch_private import in_transform, saved_tensor

OF_CLASSES = "NllLossBackward"
"""How the name of the operation begins whose targets are numbers of classes, one a sample."""
OF_NUMBERS = ("MseLoss", "SmoothL1Loss", "HuberLoss", "BinaryCrossEntropy")
"""The same of those whose targets are amounts, or probabilities."""
OF_LOSSES = (OF_CLASSES, *OF_NUMBERS)
"""Both."""
NODES = 8
"""Operations from the loss down that are looked at: what scales it or adds to it comes first."""
SAMPLES = 8
"""Samples from which on a batch should not be of one class by chance."""
MOST_CLASSES, MOST_NUMBERS = 2**13, 2**20
"""Targets of more entries are not read."""
UNKNOWN = -1
"""In the place of the number of a class where too few are left."""
LOW, HIGH, COUNT = range(3)
"""Of the entries: the least, the greatest, and how many different ones there are."""
CONSTANT = COUNT
"""Of amounts, in its place: the loss of a constant answer; NaN where it is not known."""
MEAN = 1
"""Number of the reduction that averages."""


class Targets:
    """Targets of the losses of one step.

    Args:
        readback: brings the figures.
        guard: contains failures.
    """

    def __init__(self, readback: Readback, guard: Guard) -> None:
        self._readback = readback
        self._guard = guard
        self._used: list[tuple[bool, Fetch]] = []
        """Whether they are numbers of classes, and the figures."""
        self._pending: list[tuple[bool, Fetch]] = []
        """Of a pass that has not ended: it may yet turn out to be that of another model."""

    def pass_begins(self, roots: Sequence[Tensor]) -> None:
        """Reads the targets that the graphs of some losses have kept."""
        self._pending = []
        self._guard.run("reading the targets", self._read, roots)

    def end_round(self) -> None:
        """The pass has run, and has reached the model."""
        self._used += self._pending
        self._pending = []

    def clear(self) -> None:
        """Drops what led to gradients that were cleared."""
        self._used = []

    def scalars(self) -> dict[str, float]:
        """``target_classes`` and ``target_class``, ``target_min`` and ``target_max``.

        And ``constant_loss``, that of the mean of the targets as the answer to every sample. Each
        where it is known, ``target_class`` where there is only one. Only once the readback is
        ready.
        """
        found: dict[str, float] = {}
        low, high, count = _together([figures for of_classes, figures in self._used if of_classes])
        if low >= 0:
            found["target_classes"] = count if low == high else max(count, 2.0)
            if low == high:
                found["target_class"] = low
        low, high, constant = _together([one for of_classes, one in self._used if not of_classes])
        if math.isfinite(low) and math.isfinite(high):
            found |= {"target_min": low, "target_max": high}
        if len(self._used) == 1 and math.isfinite(constant):
            found["constant_loss"] = constant
        return found

    def _read(self, roots: Sequence[Tensor]) -> None:
        if in_transform():
            return
        for name, node in _losses(roots):
            target = saved_tensor(node, "target")
            if target is None or unreadable(target) is not None or not target.numel():
                continue
            target = plain(target)
            if name.startswith(OF_CLASSES):
                self._read_classes(target, node)
            elif target.is_floating_point() and target.numel() <= MOST_NUMBERS:
                low, high = torch.aminmax(target)
                # Of what is scaled or added to, it would not be the loss.
                is_loss = len(roots) == 1 and node_of(roots[0]) is node
                constant = (
                    _constant_loss(node, target) if is_loss else torch.full_like(low, math.nan)
                )
                figures = self._readback.add(torch.stack([low, high, constant]))
                self._pending.append((False, figures))

    def _read_classes(self, target: Tensor, node: Node) -> None:
        if target.is_floating_point() or not SAMPLES <= target.numel() <= MOST_CLASSES:
            return
        target = target.long()
        ignored = target == _signed(node._saved_ignore_index)  # noqa: SLF001  # a number
        # Those that are left out become like one that counts. Nothing here waits for a device.
        greatest = torch.where(ignored, -1, target).max()
        ordered = torch.where(ignored, greatest, target).flatten().sort().values
        count = (ordered[1:] != ordered[:-1]).sum() + 1
        figures = torch.stack([ordered[0], ordered[-1], count])
        is_enough = (~ignored).sum() >= SAMPLES
        fetch = self._readback.add(torch.where(is_enough, figures, UNKNOWN))
        self._pending.append((True, fetch))


def _losses(roots: Sequence[Tensor]) -> Iterator[tuple[str, Node]]:
    """A loss's own among the first operations from some losses down, breadth first, by name."""
    waiting = [node_of(root) for root in roots if root.requires_grad]
    for _ in range(NODES):
        if not waiting:
            return
        node = waiting.pop(0)
        name = node.name()
        if name.startswith(OF_LOSSES):
            yield name, node
        else:
            waiting += [one for one, _ in node.next_functions if one is not None]


def _constant_loss(node: Node, target: Tensor) -> Tensor:
    """The loss of the mean of each column of the targets, as if it were known beforehand."""
    unknown = torch.full((), math.nan, dtype=target.dtype, device=target.device)
    if not target.dim() or len(target) < SAMPLES or getattr(node, "_saved_reduction", 0) != MEAN:
        return unknown
    answer = target.mean(0).expand_as(target)
    if node.name().startswith("MseLoss"):
        # The mean is that of these samples, and so a little nearer to them.
        return functional.mse_loss(answer, target) * (len(target) / (len(target) - 1))
    if node.name().startswith("SmoothL1Loss"):
        return functional.smooth_l1_loss(answer, target, beta=node._saved_beta)  # noqa: SLF001  # a number
    if node.name().startswith("HuberLoss"):
        return functional.huber_loss(answer, target, delta=node._saved_delta)  # noqa: SLF001  # a number
    return unknown


def _together(fetched: Sequence[Fetch]) -> tuple[float, float, float]:
    """The least, the greatest, and the most different ones of one loss; NaN where one is NaN."""
    if not fetched:
        return math.nan, math.nan, math.nan
    figures = np.stack([fetch() for fetch in fetched])
    return (
        float(figures[:, LOW].min()),
        float(figures[:, HIGH].max()),
        float(figures[:, COUNT].max()),
    )


def _signed(number: int) -> int:
    """A number that torch keeps unsigned."""
    return number - 2**64 if number >= 2**63 else number
