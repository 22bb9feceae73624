"""A finding in one line, for where another one leads."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.summary.layer_state import STATE_OF
from gradwidget.report.finding_mark import finding_mark


def finding_line(finding: Finding) -> str:
    """Its mark, its title, in how many layers, and when.

    Example:
        >>> finding_line(Finding(Symptom.DEAD_RELU, "warning", "", ("a", "b"), 12, 13, 40))
        '◌ Dead ReLU units in 2 layers, since step 12'
    """
    # A loss may have become NaN because of a layer, but it is in none.
    is_in_layers = finding.symptom in STATE_OF and finding.symptom is not Symptom.LOSS_NONFINITE
    count = len(finding.layers) if is_in_layers else 0
    where = f" in {count} layer{'s' if count > 1 else ''}" if count else ""
    return f"{finding_mark(finding)} {finding.title}{where}, {span_of(finding)}"


def span_of(finding: Finding) -> str:
    """When it was seen: ``"since step 12"``, or ``"steps 12 to 40"`` once it is over."""
    if finding.active:
        return f"since step {finding.first_step:,}"
    return f"steps {finding.first_step:,} to {finding.last_step:,}"


def consequences_of(cause: Finding, findings: Sequence[Finding]) -> list[Finding]:
    """The active findings that a cause explains, in the order in which they began."""
    return [
        finding
        for symptom in cause.consequences
        for finding in findings
        if finding.active and finding.symptom is symptom
    ]
