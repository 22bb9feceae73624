"""What the loop itself shows as yes or no, step by step; shared by the rules that ask no more."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Severity
from gradwidget.record.history import RECENT


def flagged(
    window: Window, scalar: str, severity: Severity, message: str, caveat: str
) -> Detection | None:
    """A detection about the whole model where a scalar is above 0 in ``certain_frames`` frames.

    Args:
        window: the newest frames.
        scalar: its name.
        severity: how grave that is.
        message: what it means, in one sentence.
        caveat: what could make it a false alarm.
    """
    frames = window.limits.certain_frames
    since = flagged_since(window, scalar, frames)
    if since is None:
        return None
    evidence = {"value": 1.0, "bound": 0.0, "window": float(frames)}
    return Detection(severity, message, (), since, evidence, caveat)


def flagged_since(window: Window, scalar: str, frames: int) -> int | None:
    """The step since which a scalar has been above 0 in every frame that measured it.

    Args:
        window: the newest frames; the newest of all must be one of those.
        scalar: its name.
        frames: how many there must be.

    Returns:
        None where it is not above 0 in the newest frame, or in too few.
    """
    found = flagged_steps(window, scalar)
    return found[-1] if len(found) >= max(frames, 1) else None


def flagged_steps(window: Window, scalar: str) -> list[int]:
    """The steps, newest first, that measured a scalar and have all found it above 0.

    Of networks that are trained in turns, those of the one whose turn it is. Empty where it is not
    above 0 in the newest frame.
    """
    if not window.frame.scalars.get(scalar, 0.0) > 0:
        return []
    values = window.history.recent_scalar(scalar, RECENT)[::-1]
    steps = window.history.recent_steps(RECENT)[::-1]
    known = ~np.isnan(values) & window.same_turn(RECENT)[::-1]
    values, steps = values[known], steps[known]
    clear = np.flatnonzero(~(values > 0))
    length = int(clear[0]) if clear.size else len(values)
    return [int(step) for step in steps[:length]]
