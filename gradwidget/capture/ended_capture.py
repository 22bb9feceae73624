"""What there is still to say of a capture that has ended."""

from __future__ import annotations

from dataclasses import dataclass

from gradwidget.frame import Layer, Standing


@dataclass(frozen=True, slots=True)
class Ended:
    """What it said last; none of it is of the model's size."""

    layers: tuple[Layer, ...]
    overhead: float
    sampling_interval: float
    awaits: str
    standing: Standing
    closed: bool = True
