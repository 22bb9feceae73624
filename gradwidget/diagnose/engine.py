"""Turns what the rules detect at each frame into findings that open, change and are resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradwidget.diagnose.causes.cause_of import Leeway, explained, is_exact, is_idle, root_of
from gradwidget.diagnose.causes.explanations import EXPLAINS, LASTING
from gradwidget.diagnose.evidence.layer_traits import LayerTraits
from gradwidget.diagnose.evidence.onset import unseen_before
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding, Remedy, Symptom
from gradwidget.diagnose.remedies.ranking.by_symptom import remedies_for
from gradwidget.diagnose.rules import AT_EVERY_FRAME, RULES, Rule
from gradwidget.diagnose.suspicion import Suspicion, Wanted
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.record.history import History

OVER_AFTER: Mapping[Symptom, int] = {Symptom.NO_GRADIENT: 1, Symptom.EARLY_LAYERS_FROZEN: 2}
"""Frames without a symptom that end it, where that takes no ``window``.

A single gradient ends having none. Layers that have been still for long and move in most of a few
frames have begun to learn, and the next such frame may be a hundred steps away.
"""

TOLD_AGAIN = 100
"""Steps after which the numbers of a message are renewed, however few frames have followed."""

Asked = tuple[Detection | None, bool]
"""What a rule detects, and whether its symptom is suspected."""


@dataclass(slots=True)
class _Open:
    finding: Finding
    seen: int
    """Frames in which it was detected."""
    refreshed: int
    """The history's version when its message and numbers were last updated."""
    last_seen: int
    """The history's version when it was last detected."""
    unseen: int = 0
    """Steps before its first one that were not measured, in which it may have begun."""
    told_at: int = 0
    """The step at which its message and numbers were last updated."""
    is_past: bool = False
    """Whether it is no longer detected, and stays open because it explains what lasts."""


Contain = Callable[..., Any]
"""Given what is done in words, a function and its arguments: its result, or None where it fails."""


def _directly(_: str, call: Callable[..., Any], *args: object, **kwargs: object) -> Any:  # noqa: ANN401  # of any function
    return call(*args, **kwargs)


class Engine:
    """Judges a history frame by frame.

    Args:
        limits: bounds to use instead of the default ones.
        contain: calls each rule, so that one that fails costs its own symptom alone; by default a
            failure is raised.

    Example:
        >>> engine = Engine()
        >>> history = History()
        >>> engine.findings
        []
    """

    def __init__(self, limits: Thresholds = DEFAULT, contain: Contain = _directly) -> None:
        self.limits = limits
        """The bounds in force."""
        self._contain = contain
        self._of_one_frame = limits.of_one_frame
        self._open: dict[Symptom, _Open] = {}
        self._active: list[Finding] = []
        self._resolved: list[Finding] = []
        self._traits = LayerTraits(())
        self._suspicion = Suspicion()
        self._last_step = 0
        self._was_apart = False
        self._is_new = False
        """Whether a finding has changed in more than the step at which it was last detected."""
        self.wanted = Wanted()
        """What should be sampled more closely, because the newest frame looks suspicious."""

    @property
    def findings(self) -> list[Finding]:
        """Causes first, then what they explain, then what is over.

        Of the causes, those come first that a critical finding is due to, exact ones before others,
        and then those that began first; what nothing depends on comes last.
        What is explained comes in the order in which it began. Resolved ones are in the order in
        which they were resolved, causes first here too.
        """
        over = sorted(self._resolved, key=lambda finding: finding.because is not None)
        return [*self._active, *over]

    def update(self, history: History) -> None:
        """Judges the newest frame; to be called once after each frame that is appended."""
        if self._traits.layers is not history.layers:
            self._traits = LayerTraits(history.layers)
        # Two views of the run: the newest frames, and the newest frame alone.
        active = {symptom: entry.finding for symptom, entry in self._open.items()}
        window = Window(history, self.limits, active, self._traits)
        newest = Window(history, self._of_one_frame, active, self._traits)
        apart, self._last_step = window.step - self._last_step > 1, window.step
        # What is due to another finding goes with it, and needs no closer look of its own.
        due_to_others = {one.symptom for one in self._active if one.because is not None}
        suspects = []
        opened = False
        for symptom, rule in self._due(window, apart=apart):
            entry = self._open.get(symptom)
            finding = entry.finding if entry else None
            where = f"looking for {symptom.value}"
            asked: Asked | None = self._contain(
                where, _ask, rule, window, newest, finding, apart=apart
            )
            if asked is None:
                continue
            detection, suspected = asked
            suspects += [symptom] if suspected and symptom not in due_to_others else []
            # What a rule detects opens a finding or keeps one open; what it no longer detects
            # closes one in time.
            if detection is not None and entry is None:
                self._open[symptom] = self._opened(symptom, detection, window)
                active[symptom] = self._open[symptom].finding
                opened = True
                self._take_back_causes(active[symptom], window)
            elif detection is not None and entry is not None:
                self._continue(entry, detection, window)
            elif entry is not None:
                self._close(entry, window)
        self._explain()
        self.wanted = self._suspicion.wanted(suspects, apart=apart, opened=opened)
        self._was_apart = apart

    def _due(self, window: Window, *, apart: bool) -> Iterator[tuple[Symptom, Rule]]:
        """The rules to run at this frame.

        All of them at the first frame, whose step may change everything; where frames are far
        apart; and at the frame after such a one, which may lack what is measured on the way through
        the layers. Otherwise those that run at every frame, those of a suspected symptom, and the
        others in turn: those of an open finding too, which has been reported already.

        Args:
            window: the newest frames.
            apart: whether steps before the newest were not measured.
        """
        number, interval = window.history.version, self.limits.slow_rule_interval
        apart |= self._was_apart or number == 1
        # Where networks are trained in turns, each rule sees a frame of every one of them.
        turn = number // (len(window.wiring.optimizers) if window.has_opponent else 1)
        for place, (symptom, rule) in enumerate(RULES.items()):
            if (
                apart
                or (symptom in AT_EVERY_FRAME and symptom not in self._open)
                or symptom in self._suspicion
                or place % interval == turn % interval
            ):
                yield symptom, rule

    def _explain(self) -> None:
        """Brings the open findings into their order, each with what it is due to."""
        if self._is_new:
            ordered: list[Finding] | None = self._contain("explaining the findings", self._in_order)
            self._is_new = ordered is None
            self._active = (
                [one.finding for one in self._open.values()] if ordered is None else ordered
            )
            return
        # What explains what has not changed, and working it out takes as long as several rules.
        last = {symptom: entry.finding.last_step for symptom, entry in self._open.items()}
        self._active = [
            one if one.last_step == last[one.symptom] else replace(one, last_step=last[one.symptom])
            for one in self._active
        ]

    def _in_order(self) -> list[Finding]:
        """The open findings, explained: the causes, then what is due to them."""
        unseen = {symptom: entry.unseen for symptom, entry in self._open.items()}
        leeway = Leeway(self.limits.quiet, self.limits.plateau_steps, unseen)
        known = explained((entry.finding for entry in self._open.values()), leeway)
        if not known:
            return []
        roots = {symptom: root_of(symptom, known) for symptom in known}
        grave = {roots[symptom] for symptom in known if known[symptom].severity == "critical"}

        def place(finding: Finding) -> tuple[bool, bool, bool, bool, int]:
            symptom = finding.symptom
            return (
                finding.because is not None,
                finding.because is None and is_idle(finding),
                finding.because is None and symptom not in grave,
                not is_exact(finding),
                finding.first_step,
            )

        # What helps against a cause helps against what it brings about.
        return [
            finding
            if finding.because is None
            else replace(finding, remedies=known[roots[finding.symptom]].remedies)
            for finding in sorted(known.values(), key=place)
        ]

    def _close(self, entry: _Open, window: Window) -> None:
        """Resolves a finding that was not detected for long enough, in steps and in frames.

        One that explains what lasts stays: a unit does not come back to life, nor a loss from NaN,
        because what has brought it about is over.

        A frame of another network's turn says nothing of the layers of this one.
        """
        if not _may_show(entry.finding, window):
            entry.last_seen += 1
        unseen = window.history.version - entry.last_seen
        symptom = entry.finding.symptom
        explains_what_lasts = any(
            finding.symptom is symptom and not LASTING.isdisjoint(finding.consequences)
            for finding in self._active
        )
        frames = OVER_AFTER.get(symptom, self.limits.window)
        is_quiet = window.step - entry.finding.last_step >= self.limits.quiet
        is_over = unseen >= frames and (is_quiet or frames == 1)
        if is_over and not explains_what_lasts:
            explained_as = next(one for one in self._active if one.symptom is symptom)
            self._resolved.append(
                replace(
                    entry.finding,
                    active=False,
                    because=explained_as.because,
                    consequences=explained_as.consequences,
                )
            )
            del self._open[symptom]
            self._is_new = True
        elif is_over and not entry.is_past and entry.finding.origin is None:
            entry.is_past = True
            message = f"{entry.finding.message} Not seen since step {entry.finding.last_step:,}."
            entry.finding = replace(entry.finding, message=message)
            self._is_new = True

    def _reopened(self, symptom: Symptom, window: Window) -> Finding | None:
        """A finding that was over only for a short while, taken back from the resolved ones."""
        for place, finding in enumerate(self._resolved):
            recent = window.step - finding.last_step <= self.limits.comes_and_goes
            if finding.symptom is symptom and recent:
                return self._resolved.pop(place)
        return None

    def _take_back_causes(self, finding: Finding, window: Window) -> None:
        """What lasts may be found only when what has brought it about is over."""
        if finding.symptom not in LASTING:
            return
        for one in list(self._resolved):
            could = finding.symptom in EXPLAINS[one.symptom] and one.symptom not in self._open
            if could and one.first_step <= finding.first_step <= one.last_step + self.limits.quiet:
                self._resolved.remove(one)
                # Seen so long ago that it is over again at once, unless it explains the new one.
                version = window.history.version - self.limits.window
                back = replace(one, active=True, because=None, consequences=())
                self._open[one.symptom] = _Open(back, 1, version, version)

    def _opened(self, symptom: Symptom, detection: Detection, window: Window) -> _Open:
        self._is_new = True
        finding = Finding(
            symptom=symptom,
            severity=detection.severity,
            message=detection.message,
            layers=detection.layers,
            first_step=detection.first_step,
            reported_step=window.step,
            last_step=window.step,
            caveat=detection.caveat,
            evidence={**detection.evidence, "held": 1.0},
            origin=detection.origin,
            remedies=self._remedies(symptom, detection, window),
        )
        before = self._reopened(symptom, window)
        if before is not None:
            finding = replace(
                finding, first_step=before.first_step, reported_step=before.reported_step
            )
        version = window.history.version
        unseen = unseen_before(window.history, finding.first_step)
        return _Open(
            finding, 1, refreshed=version, last_seen=version, unseen=unseen, told_at=window.step
        )

    def _continue(self, entry: _Open, detection: Detection, window: Window) -> None:
        entry.seen += 1
        entry.last_seen = window.history.version
        before = entry.finding
        worse = detection.severity == "critical" and before.severity != "critical"
        named, known = set(detection.layers), set(before.layers)
        # What a single frame ends is over for each layer by itself.
        wider = named != known if OVER_AFTER.get(before.symptom) == 1 else not named <= known
        is_again, entry.is_past = entry.is_past, False
        is_due = is_again or entry.last_seen - entry.refreshed >= self.limits.quiet
        is_due |= window.step - entry.told_at >= TOLD_AGAIN
        if not (worse or wider or is_due):
            # A message whose numbers change at every frame could not be read.
            entry.finding = replace(before, last_step=window.step)
            return
        entry.refreshed, entry.told_at = entry.last_seen, window.step
        self._is_new = True
        changed = named != known
        # What led to a NaN can no longer be measured after it.
        evidence = detection.evidence if before.origin is None else before.evidence
        entry.finding = replace(
            before,
            severity="critical" if before.severity == "critical" else detection.severity,
            # What counts about a NaN is where it arose, however far it has spread since.
            message=detection.message if before.origin is None else before.message,
            layers=detection.layers if before.origin is None else before.layers,
            caveat=detection.caveat if before.origin is None else before.caveat,
            last_step=window.step,
            evidence={**evidence, "held": float(entry.seen)},
            remedies=self._remedies(before.symptom, detection, window)
            if changed and before.origin is None
            else before.remedies,
        )

    def _remedies(
        self, symptom: Symptom, detection: Detection, window: Window
    ) -> tuple[Remedy, ...]:
        where = f"finding remedies for {symptom.value}"
        found: tuple[Remedy, ...] | None = self._contain(
            where, remedies_for, symptom, detection, window
        )
        return found or ()


def _ask(
    rule: Rule, window: Window, newest: Window, finding: Finding | None, *, apart: bool
) -> Asked:
    """What a rule detects, and whether the newest frame says otherwise and so makes it suspected.

    Args:
        rule: the rule.
        window: the newest frames.
        newest: the newest frame alone.
        finding: the open one of that symptom, if any.
        apart: whether steps before the newest frame were not measured.
    """
    if finding is None and apart and rule(newest, None) is None:
        # A symptom that a frame far from its neighbors does not show has not begun.
        return None, False
    detection = rule(window, finding)
    if detection is not None:
        return detection, False
    return None, finding is not None or apart or rule(newest, None) is not None


def _may_show(finding: Finding, window: Window) -> bool:
    """Whether the newest frame may show what is found: not where only another network plays."""
    if not window.has_opponent or not finding.layers:
        return True
    return any(
        plays and layer.name in finding.layers
        for layer, plays in zip(window.layers, window.in_play, strict=True)
    )
