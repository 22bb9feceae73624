"""What a loss holds the outputs against, as the graph of the loss has kept it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gradwidget.capture.collect.wiring.loss_path import OF_DIFFERENCES
from gradwidget.capture.guard import Guard
from gradwidget.capture.model.nonlinearity import Node, node_of
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.torch_private import in_transform, saved_tensor, signed

OF_CLASSES = "NllLossBackward"
"""How the name of the operation begins whose targets are numbers of classes, one a sample."""
OF_NUMBERS = (*OF_DIFFERENCES, "BinaryCrossEntropy")
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
        self._errors: list[Fetch | None] = []
        """Of each pass, the mean error of the outputs and of a constant answer, and the mean and
        standard deviation of the targets, where known."""
        self._pending_errors: Fetch | None = None

    def pass_begins(self, roots: Sequence[Tensor]) -> None:
        """Reads the targets that the graphs of some losses have kept."""
        self._pending, self._pending_errors = [], None
        self._guard.run("reading the targets", self._read, roots)

    def end_round(self) -> None:
        """The pass has run, and has reached the model."""
        self._used += self._pending
        self._errors.append(self._pending_errors)
        self._pending, self._pending_errors = [], None

    def clear(self) -> None:
        """Drops what led to gradients that were cleared."""
        self._used, self._errors = [], []

    def scalars(self) -> dict[str, float]:
        """``target_classes``, with the one or the range of them; ``target_min`` and ``target_max``.

        And of errors that are all of a loss ``target_mean`` and ``target_std``, ``constant_error``,
        the mean error where the answer to every sample is the mean of the targets, and
        ``explained_share``, the part of it that the outputs do not have. Each where it is known;
        of classes ``target_class`` where there is only one, else ``target_class_min`` and
        ``target_class_max``. Only once the readback is ready.
        """
        found: dict[str, float] = {}
        low, high, count = _together([figures for of_classes, figures in self._used if of_classes])
        if low >= 0:
            found["target_classes"] = count if low == high else max(count, 2.0)
            found |= (
                {"target_class": low}
                if low == high
                else {"target_class_min": low, "target_class_max": high}
            )
        low, high, _ = _together([figures for of_classes, figures in self._used if not of_classes])
        if math.isfinite(low) and math.isfinite(high):
            found |= {"target_min": low, "target_max": high}
        errors = [fetch() for fetch in self._errors if fetch is not None]
        if errors and len(errors) == len(self._errors):
            error, constant, mean, deviation = np.stack(errors).mean(0).tolist()
            if math.isfinite(error) and 0 < constant < math.inf:
                found |= {"constant_error": constant, "explained_share": 1 - error / constant}
            if math.isfinite(mean) and math.isfinite(deviation):
                found |= {"target_mean": mean, "target_std": deviation}
        return found

    def _read(self, roots: Sequence[Tensor]) -> None:
        if in_transform():
            return
        for name, node in losses_of(roots):
            target = saved_tensor(node, names_of_operands(node)[1])
            if target is None or unreadable(target) is not None or not target.numel():
                continue
            target = plain(target)
            if name.startswith(OF_CLASSES):
                self._read_classes(target, node)
            elif target.is_floating_point() and target.numel() <= MOST_NUMBERS:
                low, high = torch.aminmax(target)
                figures = self._readback.add(torch.stack([low, high, high]))
                self._pending.append((False, figures))
                if len(roots) == 1 and _is_all_of(roots[0], node):
                    self._read_errors(target, node)

    def _read_errors(self, target: Tensor, node: Node) -> None:
        output = saved_tensor(node, names_of_operands(node)[0])
        if output is None or output.shape != target.shape or unreadable(output) is not None:
            return
        errors = _errors(node)
        if errors is None or not target.dim() or len(target) < SAMPLES:
            return
        answer = target.mean(0).expand_as(target)
        # The mean is that of these samples, and so a little nearer to them.
        constant = errors(answer, target) * (len(target) / (len(target) - 1))
        spread, mean = torch.std_mean(target)
        figures = torch.stack([errors(plain(output), target), constant, mean, spread])
        self._pending_errors = self._readback.add(figures)

    def _read_classes(self, target: Tensor, node: Node) -> None:
        if target.is_floating_point() or not SAMPLES <= target.numel() <= MOST_CLASSES:
            return
        target = target.long()
        ignored = target == signed(node._saved_ignore_index)  # noqa: SLF001  # a number
        # Those that are left out become like one that counts. Nothing here waits for a device.
        greatest = torch.where(ignored, -1, target).max()
        ordered = torch.where(ignored, greatest, target).flatten().sort().values
        count = (ordered[1:] != ordered[:-1]).sum() + 1
        figures = torch.stack([ordered[0], ordered[-1], count])
        is_enough = (~ignored).sum() >= SAMPLES
        fetch = self._readback.add(torch.where(is_enough, figures, UNKNOWN))
        self._pending.append((True, fetch))


def losses_of(
    roots: Sequence[Tensor], names: tuple[str, ...] = OF_LOSSES
) -> Iterator[tuple[str, Node]]:
    """A loss's own among the first operations from some losses down, breadth first, by name.

    Args:
        roots: the losses.
        names: how those of the operations begin.
    """
    waiting = [node_of(root) for root in roots if root.requires_grad]
    for _ in range(NODES):
        if not waiting:
            return
        node = waiting.pop(0)
        name = node.name()
        if name.startswith(names):
            yield name, node
        else:
            waiting += [one for one, _ in node.next_functions if one is not None]


def names_of_operands(node: Node) -> tuple[str, str]:
    """Under which names the graph of a loss has outputs and targets.

    The other way round where only what was given second has a gradient, as in
    ``mse_loss(returns, values)``.
    """
    ends = [before for before, _ in node.next_functions]
    is_reversed = (
        node.name().startswith(OF_DIFFERENCES)
        and len(ends) > 1
        and ends[0] is None
        and ends[1] is not None
    )
    return ("target", "self") if is_reversed else ("self", "target")


def _is_all_of(root: Tensor, node: Node) -> bool:
    """Whether a root is a loss of torch's that is at most scaled or averaged: nothing is added."""
    one = node_of(root)
    while one is not node:
        following = [before for before, _ in one.next_functions if before is not None]
        if len(following) != 1:
            return False
        one = following[0]
    return True


def _errors(node: Node) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The mean error that a loss of torch's asks for; None where that is no error."""
    name = node.name()
    if name.startswith("MseLoss"):
        return functional.mse_loss
    if name.startswith("SmoothL1Loss"):
        return partial(functional.smooth_l1_loss, beta=node._saved_beta)  # noqa: SLF001  # a number
    if name.startswith("HuberLoss"):
        return partial(functional.huber_loss, delta=node._saved_delta)  # noqa: SLF001  # a number
    return None


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
