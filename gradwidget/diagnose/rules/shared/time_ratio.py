"""The gradient of the first time step over that of the last; shared by the two recurrent rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.frame import FloatArray, Frame, RecurrentProfile
from gradwidget.record.history import LOOK_BACK

END = 8
"""The first and last eighth of a sequence are its ends: the outermost steps may be padding."""

PROOF = 1e3
"""Times by which the first profile of a run must be past the bound to count alone."""


@dataclass(frozen=True, slots=True)
class TimeRatio:
    """The ratios of one direction of one recurrent layer."""

    layer: str
    value: float
    """Median of the newest profiles."""
    by_itself: float
    """The same without the part that only reflects the layer above."""
    halfway: float
    """Median of the middle time steps over the last."""
    values: Floats
    """The ratio in each recent profile, newest first."""
    steps: list[int]
    """The training steps of those."""
    length: int
    """Time steps of the newest profile."""
    quantity: str
    """What was measured, such as ``"dL/dh"``."""


def time_ratios(window: Window) -> list[TimeRatio]:
    """One for each direction of each recurrent layer that has enough profiles."""
    # The usable profiles of each direction, newest first.
    seen: dict[tuple[str, int, bool], list[tuple[Frame, RecurrentProfile, float, float]]] = {}
    for frame in reversed(window.history.recent_frames(LOOK_BACK)):
        for profile in frame.recurrent:
            first, halfway = _over_last(_in_order_read(profile, profile.norms))
            if np.isfinite(first):
                known = seen.setdefault((profile.layer, profile.depth, profile.reverse), [])
                known.append((frame, profile, first, halfway))
    # Medians over the newest ones, where more than half of those exist; over fewer in a run that is
    # lost and will show no more, or whose first one is beyond doubt: its first step may change all.
    ratios = []
    least = 0 if window.is_lost else window.limits.rnn_profiles // 2
    proof = PROOF * window.limits.rnn_exploding
    for found in seen.values():
        newest = found[: window.limits.rnn_profiles]
        if len(newest) > least or (len(newest) == 1 and newest[0][2] > proof):
            _, profile, *_ = found[0]
            ratio = TimeRatio(
                layer=profile.layer,
                value=middle(np.array([first for _, _, first, _ in newest])),
                by_itself=middle(
                    np.array([_by_itself(first, one, frame) for frame, one, first, _ in newest])
                ),
                halfway=middle(np.array([halfway for *_, halfway in newest])),
                values=np.array([first for _, _, first, _ in found]),
                steps=[frame.step for frame, *_ in found],
                length=len(profile.norms),
                quantity=profile.quantity,
            )
            ratios.append(ratio)
    return ratios


def layers_past(window: Window, bound: float, *, above: bool) -> list[TimeRatio]:
    """The recurrent layers whose ratio is past the bound by itself: worst first, each once."""
    found: dict[str, TimeRatio] = {}
    for one in sorted(time_ratios(window), key=lambda one: one.value, reverse=above):
        if (
            min(one.value, one.by_itself) > bound
            if above
            else max(one.value, one.by_itself) < bound
        ):
            found.setdefault(one.layer, one)
    return list(found.values())


def _by_itself(ratio: float, profile: RecurrentProfile, frame: Frame) -> float:
    """The ratio without what only reflects the layer above, where that reads the other way.

    Suppose that only the last output is used. Then the gradient of the top layer's forward
    direction fades toward the first time steps, and it arrives so at both directions below. The
    backward direction there reads from the end, where the gradient is strongest, so what only fades
    above seems to grow at every step back; likewise, an explosion above seems to vanish. So the
    ratio is divided by that of the incoming gradient: all directions above taken together.
    """
    # Nothing is reflected where everything above reads the same way.
    above = _above(profile, frame)
    if all(one.reverse == profile.reverse for one in above):
        return ratio
    # The incoming gradient at each time step, and how much of it arrives where this one ends.
    given = np.sqrt(sum(_in_order_read(profile, one.norms) ** 2 for one in above))
    end = _end(given)
    last = float(given[-end:].max())
    if not last > 0:
        return ratio
    # A decay is compared with a decay at the same time steps.
    if ratio < 1:
        return ratio / (min(float(given[:end].max()) / last, 1) or 1)
    # Growth is compared with the most that arrives anywhere: what arrives halfway is carried on to
    # the first time step.
    return ratio / max(float(given.max()) / last, 1)


def _above(profile: RecurrentProfile, frame: Frame) -> list[RecurrentProfile]:
    """The directions of the layer above.

    In the same module; else in the next recurrent module with as many time steps.
    """
    same = [
        one
        for one in frame.recurrent
        if (one.layer, one.depth) == (profile.layer, profile.depth + 1)
    ]
    if same:
        return same
    alike = [
        one for one in frame.recurrent if one.depth == 0 and len(one.norms) == len(profile.norms)
    ]
    names = [layer.name for layer in frame.layers]
    later = names[names.index(profile.layer) + 1 :] if profile.layer in names else []
    following = next((name for name in later if any(one.layer == name for one in alike)), None)
    return [one for one in alike if one.layer == following]


def _in_order_read(profile: RecurrentProfile, norms: FloatArray) -> Floats:
    """Norms per time step in the order in which the direction reads: backward begins at the end."""
    return (norms[::-1] if profile.reverse else norms).astype(np.float64)


def _over_last(norms: Floats) -> tuple[float, float]:
    """The first and the middle time steps over the last.

    NaN where there are too few, or where the last have no gradient.
    """
    end = _end(norms)
    last = float(norms[-end:].max()) if len(norms) >= 4 else 0.0
    if not last > 0:
        return float("nan"), float("nan")
    start = (len(norms) - end) // 2
    return float(norms[:end].max()) / last, float(norms[start : start + end].max()) / last


def _end(norms: Floats) -> int:
    return max(1, len(norms) // END)
