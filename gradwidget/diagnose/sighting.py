"""What a rule returns when it sees its symptom at this very frame; the engine makes findings of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradwidget.diagnose.finding import Origin, Severity


@dataclass(frozen=True, slots=True)
class Sighting:
    """A symptom as it stands at the newest frame."""

    severity: Severity
    message: str
    """One sentence that a student understands."""

    layers: tuple[str, ...]
    """Most affected first; empty means the whole model."""

    first_step: int
    """The first measured step of the evidence."""

    evidence: Mapping[str, float]
    """At least ``value``, ``bound`` and ``window``."""

    caveat: str
    """What could make it a false alarm."""

    origin: Origin | None = None
    """For non-finite values: where they arose."""
