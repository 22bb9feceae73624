"""What is kept of layers and their values from step to step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from gradwidget.capture.collect.gradients.reading_once import ReadingOnce
from gradwidget.capture.collect.outputs import Call
from gradwidget.capture.guard import Guard
from gradwidget.capture.model.nonlinearity import Nonlinearity
from gradwidget.capture.stats.alike_units import AlikeUnits
from gradwidget.capture.stats.staging import StagingBuffers
from gradwidget.frame import Wiring


@dataclass(slots=True)
class ActivationCache:
    """What is kept from step to step; lives as long as the capture."""

    guard: Guard
    """Contains failures: one layer that cannot be read costs no other."""
    nonlinearities: dict[Call, Nonlinearity | None] = field(default_factory=dict)
    """The activation function of each call of each layer; None where it has none."""
    last: Collection[str] | None = None
    """The layers that nothing follows but the loss: how much their inputs differ is measured. None
    where they are not known: then it is the one that runs last."""
    takes_turns: bool = False
    """Whether several optimizers step: what one step has left is used by the next."""
    units: AlikeUnits = field(default_factory=AlikeUnits)
    """The layers whose units may be copies of each other."""
    reading_once: ReadingOnce = field(default_factory=ReadingOnce)
    """Whether large gradients are read once."""
    buffers: StagingBuffers = field(init=False)
    """Memory in which small outputs are gathered."""

    def __post_init__(self) -> None:
        self.buffers = StagingBuffers(self.guard)

    def note_wiring(self, wiring: Wiring) -> None:
        """Takes what the wiring of the network tells of the steps to come."""
        self.last = wiring.last or None
        self.takes_turns = len(wiring.optimizers) > 1
