"""Turns what the rules see at each frame into findings that open, change and are resolved."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.remedies import remedies_for
from gradwidget.diagnose.rules import AT_EVERY_FRAME, RULES
from gradwidget.diagnose.sighting import Sighting
from gradwidget.diagnose.suspicion import Suspicion
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.diagnose.traits import Traits
from gradwidget.diagnose.window import Window
from gradwidget.record.history import History


@dataclass(slots=True)
class _Open:
    finding: Finding
    seen: int
    """Frames at which it was seen."""
    refreshed: int
    """The history's version when its words and numbers were last brought up to date."""
    last_seen: int
    """The history's version when it was last seen."""


class Engine:
    """Judges a history frame by frame.

    Args:
        limits: bounds to use instead of the default ones.

    Example:
        >>> engine = Engine()
        >>> history = History()
        >>> engine.findings
        []
    """

    def __init__(self, limits: Thresholds = DEFAULT) -> None:
        self._limits = limits
        self._open: dict[Symptom, _Open] = {}
        self._resolved: list[Finding] = []
        self._traits = Traits(())
        self._suspicion = Suspicion()
        self._last_step = 0
        self.steps_wanted = 0
        """How many of the next steps should be measured in full, because the newest frame looks suspicious."""

    @property
    def findings(self) -> list[Finding]:
        """Active ones first, critical before warning, then the earliest; resolved ones after, the earliest first."""
        active = [entry.finding for entry in self._open.values()]
        active.sort(key=lambda finding: (finding.severity != "critical", finding.first_step))
        return active + self._resolved

    def update(self, history: History) -> None:
        """Judges the newest frame; to be called once after each that is appended."""
        if self._traits.layers is not history.layers:
            self._traits = Traits(history.layers)
        active = {symptom: entry.finding for symptom, entry in self._open.items()}
        window = Window(history, self._limits, active, self._traits)
        turn = history.version % self._limits.slow_rule_interval
        dense = window.step - self._last_step <= 1
        self._last_step = window.step
        self.steps_wanted = self._suspicion.steps_wanted(window, apart=not dense)
        for number, (symptom, rule) in enumerate(RULES.items()):
            if dense and symptom not in AT_EVERY_FRAME and number % self._limits.slow_rule_interval != turn:
                continue
            entry = self._open.get(symptom)
            sighting = rule(window, None if entry is None else entry.finding)
            if sighting is not None and entry is None:
                self._open[symptom] = self._opened(symptom, sighting, window)
                active[symptom] = self._open[symptom].finding
            elif sighting is not None and entry is not None:
                self._go_on(entry, sighting, window)
            elif entry is not None and history.version - entry.last_seen >= self._limits.quiet:
                self._resolved.append(replace(entry.finding, active=False))
                del self._open[symptom]

    def _opened(self, symptom: Symptom, sighting: Sighting, window: Window) -> _Open:
        finding = Finding(
            symptom=symptom,
            severity=sighting.severity,
            message=sighting.message,
            layers=sighting.layers,
            first_step=sighting.first_step,
            reported_step=window.step,
            last_step=window.step,
            caveat=sighting.caveat,
            evidence={**sighting.evidence, "held": 1.0},
            origin=sighting.origin,
            remedies=remedies_for(symptom, sighting, window),
        )
        return _Open(finding, seen=1, refreshed=window.history.version, last_seen=window.history.version)

    def _go_on(self, entry: _Open, sighting: Sighting, window: Window) -> None:
        entry.seen += 1
        entry.last_seen = window.history.version
        before = entry.finding
        worse = sighting.severity == "critical" and before.severity != "critical"
        wider = not set(sighting.layers) <= set(before.layers)
        if not (worse or wider or entry.last_seen - entry.refreshed >= self._limits.quiet):
            # Words and numbers that change at every frame could not be read.
            entry.finding = replace(before, last_step=window.step)
            return
        entry.refreshed = entry.last_seen
        changed = set(sighting.layers) != set(before.layers)
        entry.finding = replace(
            before,
            severity="critical" if before.severity == "critical" else sighting.severity,
            message=sighting.message if before.origin is None else before.message,
            # Where a NaN arose stays first, however far it has spread since.
            layers=sighting.layers if before.origin is None else tuple(dict.fromkeys(before.layers + sighting.layers)),
            last_step=window.step,
            evidence={**sighting.evidence, "held": float(entry.seen)},
            remedies=remedies_for(before.symptom, sighting, window) if changed else before.remedies,
        )
