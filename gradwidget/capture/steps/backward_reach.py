"""Whether a backward pass reached this model, and whether its gradients were cleared before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import ReferenceType, ref

from torch import nn

from gradwidget.capture.torch_private import version

PROBES = 4
"""Parameters looked at on every step; all are looked at only where a sampled step's probes saw
nothing."""

Mark = tuple[int, int]
UNTOUCHED: Mark = (0, -1)


class BackwardReach:
    """Tells from identity and version of gradients what happened to them, without reading a value."""

    def __init__(self) -> None:
        self._probes: list[ReferenceType[nn.Parameter]] = []
        self._before: list[Mark] = []
        self._after: list[Mark] = []
        self._all: list[nn.Parameter] = []
        self._all_before: list[Mark] = []

    def watch(self, parameters: Sequence[nn.Parameter]) -> None:
        """Chooses the probes among parameters: some from the input's end to the output's."""
        trainable = [one for one in parameters if one.requires_grad]
        stride = max(1, len(trainable) // PROBES)
        self._probes = [ref(one) for one in trainable[::stride][:PROBES]]
        self._after = []

    def probed(self) -> list[nn.Parameter]:
        """The parameters looked at on every step."""
        return [one for probe in self._probes if (one := probe()) is not None]

    def step_begins(self) -> None:
        """Clearing what the step before used is no news."""
        self._after = []

    @property
    def has_passed(self) -> bool:
        """Whether a backward pass has reached the model since the step began."""
        return bool(self._after)

    def begins(self, parameters: Sequence[nn.Parameter] | None) -> bool:
        """Notes the state before a backward pass; True where gradients were cleared since the pass
        before.

        Args:
            parameters: all parameters where the step is sampled; None looks at the probes only.
        """
        self._before = _marks([probe() for probe in self._probes])
        self._all = list(parameters) if parameters is not None else []
        self._all_before = _marks(self._all)
        return bool(self._after) and any(
            known not in (UNTOUCHED, now)
            for known, now in zip(self._after, self._before, strict=True)
        )

    def ended(self) -> bool:
        """Whether the pass changed a gradient of this model."""
        self._after = _marks([probe() for probe in self._probes])
        everything, self._all = self._all, []
        everything_before, self._all_before = self._all_before, []
        if len(self._after) == len(self._before) and self._after != self._before:
            return True
        for one, before, now in zip(everything, everything_before, _marks(everything), strict=True):
            if now != before:
                # This one shows what the probes do not: it becomes one of them.
                self._probes = [ref(one), *self._probes[: PROBES - 1]]
                self._after = _marks([probe() for probe in self._probes])
                return True
        return False


def _marks(parameters: Iterable[nn.Parameter | None]) -> list[Mark]:
    """Identity and version of each parameter's gradient: they change whenever it does."""
    marks = []
    for parameter in parameters:
        gradient = None if parameter is None else parameter.grad
        marks.append(UNTOUCHED if gradient is None else (id(gradient), version(gradient)))
    return marks
