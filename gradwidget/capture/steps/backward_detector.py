"""Whether a backward pass reached this model, and whether its gradients were cleared before it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn.parameter import is_lazy

from gradwidget.capture.model.parameter_handle import ParameterHandle
from gradwidget.capture.torch_private import version

PROBES = 4
"""Parameters checked in every step; all are checked only where a sampled step's probes saw
nothing."""

Mark = tuple[int, int]
UNTOUCHED: Mark = (0, -1)
Probed = tuple[ParameterHandle, nn.Parameter | None]


class BackwardDetector:
    """Tells from identity and version of gradients what happened to them, reading no value."""

    def __init__(self) -> None:
        self._handles: Sequence[ParameterHandle] = ()
        self._probes: list[ParameterHandle] = []
        self._probed: list[Probed] = []
        """During a pass: the probes, and what they have found."""
        self._before: list[Mark] = []
        self._after: list[Mark] = []
        self._all: list[nn.Parameter] = []
        self._all_before: list[Mark] = []
        self.was_cleared = False
        """Whether gradients were cleared between the pass before the latest and that."""

    def watch(self, parameters: Sequence[ParameterHandle]) -> None:
        """Chooses the probes among parameters: some from the input's end to the output's."""
        self._handles = tuple(parameters)
        trainable = [
            handle
            for handle in parameters
            if (one := handle()) is not None and one.requires_grad and not is_lazy(one)
        ]
        stride = max(1, len(trainable) // PROBES)
        self._probes = trainable[::stride][:PROBES]
        self._probed, self._after = [], []

    def probed(self) -> list[nn.Parameter] | None:
        """The parameters checked in every step; None while plain tensors stand in for them."""
        if any(probe.is_hidden for probe in self._probes):
            return None
        return [one for probe in self._probes if (one := probe()) is not None]

    def step_begins(self) -> None:
        """Clearing what the step before used is no news."""
        self._after = []

    @property
    def has_passed(self) -> bool:
        """Whether a backward pass has reached the model since the step began."""
        return bool(self._after)

    def begins(self, parameters: Sequence[nn.Parameter] | None) -> bool:
        """Notes the state before a backward pass.

        Args:
            parameters: all parameters where the step is sampled; None checks the probes only.

        Returns:
            Whether gradients were cleared since the pass before.
        """
        # Found again at every pass: between two, others may stand in for parameters (FSDP2).
        self._probed = [(probe, probe()) for probe in self._probes]
        self._before = _marks(self._probed)
        self._all = list(parameters) if parameters is not None else []
        self._all_before = [_mark(one) for one in self._all] if self._all else []
        self.was_cleared = bool(self._after) and any(
            known not in (UNTOUCHED, now) and one is not None
            for known, now, (_, one) in zip(self._after, self._before, self._probed, strict=True)
        )
        return self.was_cleared

    def ended(self) -> bool:
        """Whether the pass changed a gradient of this model."""
        probed, self._probed = self._probed, []
        self._after = _marks(probed)
        everything, self._all = self._all, []
        everything_before, self._all_before = self._all_before, []
        if len(self._after) == len(self._before) and self._after != self._before:
            return True
        for one, before in zip(everything, everything_before, strict=True):
            if _mark(one) != before:
                # This one shows what the probes do not: it becomes one of them.
                found = [handle for handle in self._handles if handle() is one]
                self._probes = [*found, *self._probes[: PROBES - 1]]
                self._after = _marks([(probe, probe()) for probe in self._probes])
                return True
        return False


def _marks(probed: Sequence[Probed]) -> list[Mark]:
    # Written out, since it is asked twice a step.
    marks = []
    for probe, one in probed:
        gradient = None if one is None else one.grad
        if probe.gathered is not None and (added := probe.unreduced()) is not None:
            gradient = added
        marks.append(UNTOUCHED if gradient is None else (id(gradient), version(gradient)))
    return marks


def _mark(parameter: nn.Parameter) -> Mark:
    """Identity and version of a parameter's gradient: they change whenever it does."""
    gradient = parameter.grad
    return UNTOUCHED if gradient is None else (id(gradient), version(gradient))
