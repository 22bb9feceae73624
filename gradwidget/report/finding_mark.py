"""The mark of a finding, the same in a terminal, in static HTML and in the page."""

from __future__ import annotations

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import STATE_OF
from gradwidget.diagnose.summary.state_look import GENERAL_LOOK, LOOKS

RESOLVED = "✓"
"""Mark of a finding that is over; its twin is in js/src/panels/finding/finding-card.ts."""


def finding_mark(finding: Finding) -> str:
    """The mark of the state that an active finding is about; ``RESOLVED`` of one that is over."""
    if not finding.active:
        return RESOLVED
    state = STATE_OF.get(finding.symptom)
    return (GENERAL_LOOK if state is None else LOOKS[state]).mark
