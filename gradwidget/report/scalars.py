"""What other loggers are given: the newest statistics and what is wrong, as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwidget.diagnose.finding import Finding
from gradwidget.record.history import History

PREFIX = "gradwidget"
STATES = {"warning": 1.0, "critical": 2.0}
OF_LAYERS = ("grad_rms", "act_grad_rms", "update_ratio")
"""The metrics that are given of each layer."""
LEFT_OUT = ("time", "spent", "overhead")
"""Scalars about gradwidget itself."""


def scalars(
    history: History, findings: Sequence[Finding], *, layers: bool = False
) -> dict[str, float]:
    """The newest frame and the active findings, by names that begin with ``gradwidget/``.

    Args:
        history: what was measured.
        findings: as ``Engine.findings`` gives them.
        layers: also give the statistics of each layer.

    Example:
        >>> scalars(History(), [])
        {'gradwidget/state': 0.0}
    """
    active = [STATES[finding.severity] for finding in findings if finding.active]
    found = {f"{PREFIX}/state": max(active, default=0.0)}
    for finding in findings:
        if finding.active:
            found[f"{PREFIX}/findings/{finding.symptom.value}"] = STATES[finding.severity]
    frame = history.last
    if frame is None:
        return found
    found[f"{PREFIX}/step"] = float(frame.step)
    found |= {
        f"{PREFIX}/{name}": float(value)
        for name, value in frame.scalars.items()
        if name not in LEFT_OUT
    }
    for metric in OF_LAYERS if layers else ():
        rows = np.flatnonzero(frame.is_measured(metric)).tolist()
        found |= {
            f"{PREFIX}/{metric}/{frame.layers[row].name}": float(frame.metrics[metric][row])
            for row in rows
        }
    return found
