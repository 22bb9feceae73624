"""What a training loop tells its listener: the moments that the true values depend on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from torch import Tensor, nn
from torch.optim import Optimizer


class Probe(Protocol):
    """Listens to a training loop from inside; the loops call it at the moments that matter."""

    def loss(self, loss: Tensor, scale: float = 1.0) -> None:
        """This loss, as yet unscaled, goes backward now, multiplied by ``scale``."""

    def raw(self, scale: float = 1.0) -> None:
        """The backward is over; the gradients are as it left them, ``scale`` times too large."""

    def before(self, stepping: Optimizer | Iterable[nn.Parameter], scale: float = 1.0) -> None:
        """These parameters change now, by gradients that are ``scale`` times too large."""

    def after(self, *, skipped: bool = False, closure: bool = False) -> None:
        """The step is done: skipped by a scaler, or made of evaluations inside a ``closure``."""


class Silence:
    """Listens to nothing: the loop as its user runs it."""

    def loss(self, loss: Tensor, scale: float = 1.0) -> None:
        """Hears nothing."""

    def raw(self, scale: float = 1.0) -> None:
        """Hears nothing."""

    def before(self, stepping: Optimizer | Iterable[nn.Parameter], scale: float = 1.0) -> None:
        """Hears nothing."""

    def after(self, *, skipped: bool = False, closure: bool = False) -> None:
        """Hears nothing."""
