"""Finds the loss of a step: what backward was called on, unscaled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor
from torch.amp.grad_scaler import GradScaler

from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.torch_private import loss_scale


class LossFinder:
    """Collects the losses of one step.

    Those of several backward passes are added up, as their gradients are: their sum is what the
    step makes smaller.
    """

    def __init__(self, readback: Readback) -> None:
        self._readback = readback
        self._scaled: list[tuple[ReferenceType[Tensor], Tensor, bool]] = []
        """What a scaler has made, of what, and whether that had no graph."""
        self._found: list[float | list[Callable[[], float]]] = []
        self._begun: tuple[Tensor, float] | None = None
        """During a pass that begins at one number in the memory of the CPU: the root, and that."""
        self.total: float | None = None
        """Sum of those that were ``known`` right after their pass."""
        self.passes = 0
        """How many of the passes began at a loss as it is, with no weight."""
        self.scale: Fetch | None = None
        """The scale of the gradients of this step; None where no scaler was used."""

    def add_scaled(
        self, losses: Sequence[Tensor], scaled: Sequence[Tensor], scaler: GradScaler
    ) -> None:
        """Notes which losses were scaled, by what, and what came out."""
        if not scaler.is_enabled():
            return
        self._scaled = [one for one in self._scaled if one[0]() is not None]
        self._scaled += [
            (ref(after), before.detach(), before.is_leaf)
            for before, after in zip(losses, scaled, strict=True)
        ]
        scale = loss_scale(scaler)
        if scale is not None:
            self.scale = self._readback.add(scale)

    def pass_begins(self, roots: Sequence[Tensor]) -> float | None:
        """The number that a pass begins at, which is not read again where it ends.

        Returns:
            None where there are several roots, or it is not in the memory of the CPU.
        """
        self._begun = None
        if len(roots) != 1:
            return None
        root = roots[0]
        is_plain = type(root) is Tensor and root.is_cpu and not root.dim()
        if not is_plain and not (root.is_cpu and are_numbers(roots)):
            return None
        # At every step, by the one function of torch that this takes.
        number: Any = (root if is_plain else root.detach().reshape(())).tolist()
        if type(number) is not float:  # a complex one
            return None
        self._begun = root, number
        return number

    def pass_dropped(self) -> None:
        """It has raised, or has not reached the model."""
        self._begun = None

    def add(self, roots: Sequence[Tensor], weights: Sequence[Tensor] = ()) -> None:
        """Adds the roots of a backward pass that reached the model, where they are numbers.

        Args:
            roots: where the pass began.
            weights: by what each counts, as in ``loss.backward(torch.tensor(-1.0))``; 1 where there
                are none.
        """
        begun, self._begun = self._begun, None
        if begun is not None and begun[0] is roots[0] and not (weights or self._scaled):
            self._found.append(begun[1])
            self.passes += 1
            return
        if not roots or not are_numbers(roots) or len(weights) not in (0, len(roots)):
            return
        losses = [self._unscaled(root) for root in roots] if self._scaled else roots
        if weights:
            losses = [loss.detach() * by.detach() for loss, by in zip(losses, weights, strict=True)]
        self._found.append([self._readback.add_number(loss) for loss in losses])
        self.passes += not weights

    def _unscaled(self, root: Tensor) -> Tensor:
        for after, before, _ in self._scaled:
            if after() is root:
                return before
        return root

    def are_cut_off(
        self, roots: Sequence[Tensor], number_of: Callable[[Tensor], int | None]
    ) -> bool:
        """Whether all roots are numbers without a graph, as ``torch.tensor(loss.item())`` is one.

        Args:
            roots: where a pass began.
            number_of: gives the number of a parameter of the model; None for any other tensor.
        """
        return bool(roots) and all(
            number_of(root) is None and self._is_cut_off(root) for root in roots
        )

    def _is_cut_off(self, root: Tensor) -> bool:
        is_leaf = root.is_leaf or any(cut for after, _, cut in self._scaled if after() is root)
        return is_leaf and root.requires_grad and root.numel() == 1

    def known(self) -> tuple[float | None, float | None]:
        """The loss of the latest pass and its scale; None for what is not there, or not yet.

        To be called once after each pass.
        """
        last = self._found[-1] if self._found else None
        # A number that the pass began at need not be waited for.
        if not (isinstance(last, float) and self.scale is None) and not self._readback.ready:
            return None, None
        loss = None
        if last is not None:
            loss = last if isinstance(last, float) else _value(last)
            self.total = loss if self.total is None else self.total + loss
        return loss, None if self.scale is None else float(self.scale())

    def clear(self) -> None:
        """Drops the losses so far: the gradients that they led to were cleared."""
        self._found = []
        self.total, self.passes = None, 0

    @property
    def value(self) -> float | None:
        """Sum of the losses found; None where there was none. Only once the readback is ready."""
        return sum(map(_value, self._found)) if self._found else None


def are_numbers(tensors: Sequence[Tensor]) -> bool:
    """Whether each is a tensor of one real element that can be read."""
    for one in tensors:
        if type(one) is not Tensor and unreadable(one) is not None:
            return False
        if one.is_meta or one.numel() != 1 or one.is_complex():
            return False
    return True


def _value(found: float | list[Callable[[], float]]) -> float:
    if isinstance(found, float):
        return found
    total = 0.0
    for fetch in found:
        total += fetch()
    return total
