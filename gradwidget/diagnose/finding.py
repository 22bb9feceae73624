"""What diagnosis says: a symptom seen in this run, its evidence, and the fixes for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradwidget.strenum import StrEnum

_TITLES: dict[str, str] = {
    "gradients_nonfinite": "NaN or Inf in gradients",
    "loss_nonfinite": "NaN or Inf in the loss",
    "weights_nonfinite": "NaN or Inf in weights",
}
"""Titles that are not the code in words."""

Severity = Literal["warning", "critical"]
Origin = Literal["input", "weights", "forward", "loss", "backward", "unknown"]


class Symptom(StrEnum):
    """The conditions that gradwidget can name. The codes are public and stable."""

    EXPLODING_GRADIENTS = "exploding_gradients"
    GRADIENTS_NONFINITE = "gradients_nonfinite"
    LOSS_NONFINITE = "loss_nonfinite"
    WEIGHTS_NONFINITE = "weights_nonfinite"
    VANISHING_GRADIENTS = "vanishing_gradients"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A fix for a finding."""

    title: str
    """What to do, in a few words."""

    why: str
    """Why it helps here, with figures from the run."""

    code: str
    """Text that runs with ``model``, ``optimizer`` and ``torch`` in scope, with the model's own layer names."""

    action: Mapping[str, object] | None = None
    """Plain data for applying it to the live loop; None where only an edit of the program helps."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A symptom seen in this run. A later state of the same finding is a new object."""

    symptom: Symptom
    severity: Severity
    message: str
    """One sentence that a student understands."""

    layers: tuple[str, ...]
    """Layers concerned, most affected first; empty means the whole model."""

    first_step: int
    """Where the evidence begins."""

    reported_step: int
    """The step at which it was first said; never back-dated."""

    last_step: int
    """The last step at which it was seen to hold."""

    active: bool = True
    """False once it is over."""

    caveat: str = ""
    """What could make it a false alarm."""

    evidence: Mapping[str, float] = field(default_factory=dict)
    """The numbers behind it: at least ``value``, ``bound`` and ``window`` (steps looked at)."""

    origin: Origin | None = None
    """For non-finite values: where they arose."""

    remedies: tuple[Remedy, ...] = ()
    """Fixes, the best for this case first."""

    @property
    def title(self) -> str:
        """The symptom in words, such as ``"Vanishing gradients"``."""
        return _TITLES.get(self.symptom) or self.symptom.value.replace("_", " ").capitalize()
