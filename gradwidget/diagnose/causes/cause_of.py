"""Chooses, for each finding, the one that explains it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gradwidget.diagnose.causes.explanations import (
    AT_ONCE,
    BY_STEPS,
    EXACT,
    EXPLAINS,
    FAR,
    NONFINITE,
    OF_BOTH,
    OF_ONE_PACE,
    OF_RECURRENCE,
    OF_SAME_UNITS,
)
from gradwidget.diagnose.finding import (
    Finding,
    Origin,
    Symptom,
    has_same_units,
    is_barred,
    is_clipped,
    is_driven,
    is_of_both,
    is_over_samples,
    is_sorted,
)

_RANK = {symptom: rank for rank, symptom in enumerate(EXPLAINS)}

FIRST_AT: dict[Origin | None, Symptom] = {
    "backward": Symptom.GRADIENTS_NONFINITE,
    "update": Symptom.WEIGHTS_NONFINITE,
    "weights": Symptom.WEIGHTS_NONFINITE,
}
"""Where a NaN shows that arose elsewhere than on the way to the loss."""

EXPLODES = frozenset({Symptom.EXPLODING_GRADIENTS, Symptom.RNN_EXPLODING_IN_TIME})
"""What lets no step be small but where the gradient is clipped for it."""

MAKES_LARGE = EXPLODES | {Symptom.BAD_INPUTS, Symptom.BAD_TARGETS}
"""What a gradient may be so large for that a usual bound leaves next to nothing of it."""

RAISED = 3.0
"""Factor from which a rate that has been raised since the start explains what comes with it."""

MOST = 0.5
"""Share of their size by which a step changes weights of which it leaves little."""

ON_ITS_WAY = 0.1
"""Share of the time that weights take to outgrow their bound, after which they have grown clearly.
"""


@dataclass(frozen=True, slots=True)
class Leeway:
    """How closely it is known when a symptom began."""

    slack: int
    """Steps by which a cause may seem to begin later than its consequence."""

    granted: int = 100
    """The same where either is a plateau: in its first steps a run need not improve yet."""

    unseen: Mapping[Symptom, int] = field(default_factory=dict)
    """By symptom, the steps before the first that shows it which were not measured."""

    def of(self, cause: Finding, finding: Finding) -> int:
        """Steps by which this cause may seem to begin later than what is due to it."""
        is_plateau = Symptom.PLATEAU in {cause.symptom, finding.symptom}
        least = max(self.slack, self.granted) if is_plateau else self.slack
        if is_driven(cause):
            # Its pace tells how long it has taken to what is out of bounds.
            least += round(math.log(cause.evidence["value"]) / cause.evidence["growth"])
        if _grows_into(cause, finding):
            least += cause.first_step
        return least + self.unseen.get(cause.symptom, 0)


def explained(findings: Iterable[Finding], leeway: Leeway) -> dict[Symptom, Finding]:
    """The findings with ``because`` and ``consequences`` set, by symptom.

    A cause must not begin after what it explains, but for as many steps as its evidence may take
    longer to show, whatever it is. Among those that fit, exact causes come first; of the others the
    one that began first, and at the same step the one that stands higher in the table.

    Args:
        findings: at most one of a symptom, resolved ones only where something active may be due to
            them.
        leeway: how closely it is known when each began.
    """
    known = {finding.symptom: finding for finding in findings}
    because: dict[Symptom, Symptom] = {}
    for finding in sorted(known.values(), key=_order):
        causes = sorted(_causes_of(finding, known, leeway), key=_order)
        if finding.symptom in NONFINITE:
            # That a NaN goes on is certain; what has made the first one is to be found for that.
            causes.sort(key=lambda cause: cause.symptom not in NONFINITE)
        causes.sort(key=is_idle)
        for cause in causes:
            if finding.symptom not in _chain(cause.symptom, because):
                because[finding.symptom] = cause.symptom
                break
    found = {}
    for symptom, finding in known.items():
        due_to, consequences = because.get(symptom), _consequences_of(symptom, known, because)
        # Most are what they were: a copy of a finding takes longer than all that is found here.
        is_as_before = (due_to, consequences) == (finding.because, finding.consequences)
        found[symptom] = (
            finding if is_as_before else replace(finding, because=due_to, consequences=consequences)
        )
    return found


def root_of(symptom: Symptom, findings: Mapping[Symptom, Finding]) -> Symptom:
    """The cause at the end of the chain of explanations; the symptom itself where there is none."""
    while (because := findings[symptom].because) is not None and because in findings:
        symptom = because
    return symptom


def _causes_of(
    finding: Finding, known: Mapping[Symptom, Finding], leeway: Leeway
) -> Iterator[Finding]:
    """The findings that may explain one."""
    for symptom, cause in known.items():
        explains = OF_SAME_UNITS if has_same_units(cause) else EXPLAINS[symptom]
        explains = OF_RECURRENCE if is_over_samples(cause) else explains
        explains |= OF_ONE_PACE if is_driven(cause) else frozenset()
        explains |= OF_BOTH if is_of_both(cause) else frozenset()
        is_late = cause.first_step > finding.first_step + leeway.of(cause, finding)
        if finding.symptom in explains and not is_late and _may_explain(cause, finding, leeway):
            yield cause


def _chain(symptom: Symptom, because: Mapping[Symptom, Symptom]) -> list[Symptom]:
    """The symptom, what explains it, what explains that, and so on."""
    chain = [symptom]
    while (cause := because.get(chain[-1])) is not None:
        chain.append(cause)
    return chain


def _order(finding: Finding) -> tuple[bool, int, int]:
    return (not is_exact(finding), finding.first_step, _RANK[finding.symptom])


def is_exact(finding: Finding) -> bool:
    """Whether it is read, not estimated, and has been so from the first step."""
    is_read = finding.symptom in EXACT or is_sorted(finding)
    return is_read or has_same_units(finding) or is_clipped(finding)


def is_idle(finding: Finding) -> bool:
    """Whether nothing depends on what it is about: nothing else goes wrong because of it.

    A run may learn nothing for want of it, where no other cause is known.
    """
    return finding.evidence.get("idle", 0.0) > 0


def _is_drawn(finding: Finding) -> bool:
    """Whether it is outputs that their loss has drawn together: what is seen of them follows."""
    return finding.symptom is Symptom.COLLAPSED_OUTPUTS and finding.evidence.get("drawn", 0.0) > 0


def _may_explain(cause: Finding, finding: Finding, leeway: Leeway) -> bool:
    """Whether a cause that is not late comes first: in time, and of two at once in the table."""
    if has_same_units(finding) or (is_driven(finding) and cause.symptom is Symptom.LR_TOO_HIGH):
        return False  # so they were made, or driven at one pace, and no step can do that
    is_built_so = is_sorted(cause) and _is_as_built(finding, cause, leeway.slack)
    if is_built_so or not _fits_clipping(cause, finding):
        return False
    if Symptom.PLATEAU in {cause.symptom, finding.symptom}:
        return _may_explain_plateau(cause, finding)
    if is_idle(cause) or is_exact(cause):
        # What is read has been so from the first step; and only a loss without a minimum ends in
        # numbers without an end.
        ends_so = cause.symptom is not Symptom.DOUBLE_SOFTMAX or "unbounded" in cause.evidence
        return not is_idle(cause) and (ends_so or finding.symptom not in NONFINITE)
    if NONFINITE & {cause.symptom, finding.symptom}:
        return _may_explain_nan(cause, finding)
    is_shrinking = cause.symptom is Symptom.WEIGHTS_SHRINKING
    is_drawn_so = is_shrinking and _is_of_start(finding, cause, leeway.slack)
    return not is_drawn_so and _may_begin_before(cause, finding, leeway.slack)


def _fits_clipping(cause: Finding, finding: Finding) -> bool:
    """Whether steps that are too small are so for a clipped gradient where one is large."""
    if is_clipped(finding):
        # A gradient that has to be cut down is not one that vanishes.
        return cause.symptom in EXACT | MAKES_LARGE
    return finding.symptom is not Symptom.LR_TOO_LOW or cause.symptom not in EXPLODES


def _may_begin_before(cause: Finding, finding: Finding, slack: int) -> bool:
    """The same for all else: by when each began, as closely as that is known of the two."""
    if cause.symptom in AT_ONCE:
        return cause.first_step <= finding.first_step
    if cause.symptom is Symptom.LR_TOO_HIGH and _is_over_time(finding):
        # A gradient that outgrows the run's past at steps that were large before is due to them;
        # where a schedule has raised the rate, so is one that is first seen together with them.
        is_raised = cause.evidence.get("risen", 1.0) > RAISED
        return cause.first_step < finding.first_step + is_raised
    if _replaces(cause) and cause.first_step < finding.first_step:
        return True  # a step has left nothing of the weights that were there before
    # What drives weights as far makes any rate too high in the end.
    is_outgrown = is_driven(cause) and finding.symptom is Symptom.LR_TOO_HIGH
    if is_outgrown or _grows_into(cause, finding):
        return True
    is_later = _is_drawn(finding) and cause.symptom in EXPLAINS[finding.symptom]
    if not is_later and (_is_drawn(cause) or _RANK[cause.symptom] < _RANK[finding.symptom]):
        return True  # no later than may be
    return cause.first_step < finding.first_step - slack


def _may_explain_plateau(cause: Finding, finding: Finding) -> bool:
    """The same where either is a plateau, which is seen over all of a run.

    One whose reason is read from how the network is built explains what gradients do, and needs no
    explanation but by what is read as well.
    """
    if cause.symptom is Symptom.PLATEAU:
        return is_barred(cause)
    return is_exact(cause) or not is_barred(finding)


def _may_explain_nan(cause: Finding, finding: Finding) -> bool:
    """The same where either is a NaN: what a run shows once it is lost does not explain why."""
    if cause.symptom in NONFINITE:
        return finding.symptom in NONFINITE and _arose(cause) < _arose(finding)
    if cause.symptom is Symptom.BAD_INPUTS:
        # A scale alone makes no NaN: it takes updates, unless the NaN is in the inputs.
        is_huge = cause.evidence.get("huge", 0.0) > 0
        return cause.origin is not None or is_huge or cause.first_step < finding.first_step
    if _is_by_steps(cause) and finding.origin in ("forward", "loss"):
        # An overflow after small steps has a reason of its own, which the gradient shows too.
        far = finding.evidence.get("moved", math.inf) > FAR
        return far and cause.first_step <= finding.first_step
    return cause.first_step <= finding.first_step


def _is_by_steps(cause: Finding) -> bool:
    """Whether it makes a NaN by the steps that follow; gradients that grow over depth need none."""
    return cause.symptom in BY_STEPS and not _is_over_depth(cause)


def _is_of_start(finding: Finding, cause: Finding, slack: int) -> bool:
    """Whether it is of weights as they were drawn: known before any can have shrunk."""
    is_known = finding.reported_step <= cause.first_step + slack
    return finding.symptom is Symptom.VANISHING_GRADIENTS and finding.first_step == 0 and is_known


def _is_as_built(finding: Finding, cause: Finding, slack: int) -> bool:
    """Whether it is of the network or its weights as they were before any batch had come."""
    is_drawn_so = _is_over_depth(finding) and finding.first_step <= cause.first_step
    return is_drawn_so or is_barred(finding) or _is_of_start(finding, cause, slack)


def _is_over_time(finding: Finding) -> bool:
    """Whether it is a gradient that has outgrown the run's own past."""
    return finding.symptom is Symptom.EXPLODING_GRADIENTS and "baseline" in finding.evidence


def _is_over_depth(finding: Finding) -> bool:
    """Whether it is a gradient that grows from layer to layer."""
    return finding.symptom is Symptom.EXPLODING_GRADIENTS and not _is_over_time(finding)


def _grows_into(cause: Finding, finding: Finding) -> bool:
    """Whether it is weights that grow until the gradient grows from layer to layer.

    That was not so as they were drawn, and is when they are on their way.
    """
    is_clear = finding.first_step > ON_ITS_WAY * cause.first_step
    return cause.symptom is Symptom.WEIGHTS_GROWING and _is_over_depth(finding) and is_clear


def _replaces(cause: Finding) -> bool:
    """Whether it is steps each of which changes the weights by most of their size."""
    return cause.symptom is Symptom.LR_TOO_HIGH and cause.evidence.get("value", 0.0) > MOST


def _arose(finding: Finding) -> tuple[int, bool, int]:
    """Of NaN in loss, gradients and weights: the first to show, and of those where it arose."""
    is_origin = FIRST_AT.get(finding.origin) is finding.symptom
    return (finding.first_step, not is_origin, _RANK[finding.symptom])


def _onset(finding: Finding) -> tuple[int, int]:
    return (finding.first_step, _RANK[finding.symptom])


def _consequences_of(
    symptom: Symptom, known: Mapping[Symptom, Finding], because: Mapping[Symptom, Symptom]
) -> tuple[Symptom, ...]:
    found = [other for other in known if symptom in _chain(other, because)[1:]]
    return tuple(sorted(found, key=lambda one: _onset(known[one])))
