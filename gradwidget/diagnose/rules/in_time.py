"""What the two rules on recurrent layers share: the gradient of the first over that of the last
time step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import Floats
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.frame import FloatArray, Frame, RecurrentProfile

END = 8
"""The first and the last eighth of a sequence stand for its ends: the very first or last step may
be padding."""


@dataclass(frozen=True, slots=True)
class TimeRatio:
    """The ratios of one recurrent layer."""

    layer: str
    value: float
    """Median of the newest profiles."""
    by_itself: float
    """The same without what only mirrors the layer above."""
    half_way: float
    """The same of the middle time steps over the last."""
    values: Floats
    """Each of the newest profiles, newest first."""
    steps: list[int]
    """The steps of those."""
    length: int
    """Time steps of the newest profile."""
    quantity: str


def time_ratios(window: Window) -> list[TimeRatio]:
    """One for each recurrent layer with enough profiles."""
    seen: dict[tuple[str, int, bool], list[tuple[Frame, RecurrentProfile, float, float]]] = {}
    for frame in reversed(window.history.recent_frames(64)):
        for profile in frame.recurrent:
            first, half_way = _over_last(_in_order_read(profile, profile.norms))
            if np.isfinite(first):
                known = seen.setdefault((profile.layer, profile.depth, profile.reverse), [])
                known.append((frame, profile, first, half_way))
    ratios = []
    for found in seen.values():
        newest = found[: window.limits.rnn_profiles]
        if len(newest) > window.limits.rnn_profiles // 2:
            _, profile, *_ = found[0]
            ratio = TimeRatio(
                layer=profile.layer,
                value=middle(np.array([first for _, _, first, _ in newest])),
                by_itself=middle(
                    np.array([_by_itself(first, one, frame) for frame, one, first, _ in newest])
                ),
                half_way=middle(np.array([half_way for *_, half_way in newest])),
                values=np.array([first for _, _, first, _ in found]),
                steps=[frame.step for frame, *_ in found],
                length=len(profile.norms),
                quantity=profile.quantity,
            )
            ratios.append(ratio)
    return ratios


def layers_past(window: Window, bound: float, *, above: bool) -> list[TimeRatio]:
    """The recurrent layers whose ratio lies beyond the bound by itself, the worst first, each layer
    once.
    """
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
    """The ratio over that of what comes in from the layer above at the same time steps, where that
    reads the other way.

    Where only the last output is read, the gradient of the forward direction of the top layer fades
    towards the first time steps. That reaches both directions below. The backward one reads from
    the end, where it is strongest, so what only fades above looks there as if it grew at every step
    back; and an explosion above looks as if it vanished. What all directions above have, taken
    together, stands for what comes in.
    """
    above = _above(profile, frame)
    if all(one.reverse == profile.reverse for one in above):
        return ratio
    given = np.sqrt(sum(_in_order_read(profile, one.norms) ** 2 for one in above))
    end = _end(given)
    last = float(given[-end:].max())
    if not last > 0:
        return ratio
    if ratio < 1:
        return ratio / (min(float(given[:end].max()) / last, 1) or 1)
    # Compared with the most that comes in anywhere: what comes in half way is carried to the first
    # step too.
    return ratio / max(float(given.max()) / last, 1)


def _above(profile: RecurrentProfile, frame: Frame) -> list[RecurrentProfile]:
    """The directions of the layer above: in the same module, else in the next recurrent one of as
    many time steps.
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
    """Figures by time step, the first that the direction reads in front: the backward one begins at
    the end.
    """
    return (norms[::-1] if profile.reverse else norms).astype(np.float64)


def _over_last(norms: Floats) -> tuple[float, float]:
    """The first and the middle time steps over the last; NaN where there are too few, or nothing at
    the last.
    """
    end = _end(norms)
    last = float(norms[-end:].max()) if len(norms) >= 4 else 0.0
    if not last > 0:
        return float("nan"), float("nan")
    start = (len(norms) - end) // 2
    return float(norms[:end].max()) / last, float(norms[start : start + end].max()) / last


def _end(norms: Floats) -> int:
    return max(1, len(norms) // END)
