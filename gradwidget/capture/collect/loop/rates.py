"""The learning rates of a step: of every group of every optimizer that takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import isclose
from numbers import Real

from torch import Tensor

from gradwidget.capture.model.optimizers import Grouped
from gradwidget.capture.stats.readback import Readback
from gradwidget.frame import RATE

MOST = 8
"""How many rates a frame has at most: an optimizer a parameter may have thousands."""
ROUNDING = 1e-6
"""By how much a rate that is a float32 tensor may differ from the number that it was made of."""
LONGEST = 40
"""How much of a class's name is kept."""


class Rates:
    """Collects them, in a step that is sampled.

    Args:
        readback: brings rates that are tensors.

    Example:
        >>> import torch
        >>> weights = [torch.zeros(1, requires_grad=True) for _ in range(2)]
        >>> rates = Rates(Readback())
        >>> rates.add(torch.optim.SGD(weights[:1], lr=0.5), is_another=False)
        >>> rates.add(torch.optim.Adam(weights[1:], lr=0.25), is_another=True)
        >>> rates.scalars()
        {'lr': 0.5, 'lr/Adam': 0.25}
    """

    def __init__(self, readback: Readback) -> None:
        self._readback = readback
        self._found: list[tuple[str, Callable[[], float]]] = []
        self._numbers: set[float] = set()
        self._groups: Counter[str] = Counter()

    def add(self, optimizer: Grouped, *, is_another: bool) -> None:
        """Adds those of an optimizer that is about to step.

        Args:
            optimizer: of torch's kind.
            is_another: whether it steps on the gradients that others have used already; what was
                found before is dropped if not.
        """
        if not is_another:
            self._found, self._numbers, self._groups = [], set(), Counter()
        kind = type(optimizer).__name__[:LONGEST]
        for group in optimizer.param_groups:
            self._groups[kind] += 1
            if len(self._found) < MOST:
                count = self._groups[kind]
                self._add(f"{kind}/{count}" if count > 1 else kind, group.get("lr"))

    def _add(self, name: str, rate: object) -> None:
        if isinstance(rate, Tensor) and rate.numel() == 1:
            self._found.append((name, self._readback.add_number(rate)))
        # Equal ones are told at once: an optimizer a parameter would else fill the list.
        elif isinstance(rate, Real) and (number := float(rate)) not in self._numbers:
            self._numbers.add(number)
            self._found.append((name, lambda: number))

    def scalars(self) -> dict[str, float]:
        """``lr``, the first; each further one that is another number as ``lr/<class>``.

        Of several groups or optimizers of one class the second is ``lr/<class>/2``, and so on.

        Only once the readback is ready.
        """
        found: dict[str, float] = {}
        for name, fetch in self._found:
            rate = fetch()
            if not any(isclose(rate, one, rel_tol=ROUNDING) for one in found.values()):
                found[f"{RATE}/{name}" if found else RATE] = rate
        return found
