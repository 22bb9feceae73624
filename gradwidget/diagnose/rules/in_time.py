"""What the two rules on recurrent layers share: the gradient of the first over that of the last time step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradwidget.diagnose.window import Floats, Window, middle

END = 8
"""The first and the last eighth of a sequence stand for its ends: the very first or last step may be padding."""


@dataclass(frozen=True, slots=True)
class TimeRatio:
    """The ratios of one recurrent layer."""

    layer: str
    value: float
    """Median of the newest profiles."""
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
    seen: dict[tuple[str, int, bool], list[tuple[int, float, float, int, str]]] = {}
    for frame in reversed(window.history.recent_frames(64)):
        for profile in frame.recurrent:
            # the direction that reads from the end has its first time step there
            norms = profile.norms[::-1] if profile.reverse else profile.norms
            first, half_way = _over_last(norms.astype(np.float64))
            if np.isfinite(first):
                seen.setdefault((profile.layer, profile.depth, profile.reverse), []).append(
                    (frame.step, first, half_way, len(profile.norms), profile.quantity)
                )
    ratios = []
    for (layer, _, _), found in seen.items():
        values, half_ways = (np.array([one[place] for one in found]) for place in (1, 2))
        newest = slice(window.limits.rnn_profiles)
        if len(values[newest]) > window.limits.rnn_profiles // 2:
            steps = [step for step, *_ in found]
            value, half_way = middle(values[newest]), middle(half_ways[newest])
            ratios.append(TimeRatio(layer, value, half_way, values, steps, *found[0][3:]))
    return ratios


def layers_past(window: Window, bound: float, *, above: bool) -> list[TimeRatio]:
    """The recurrent layers whose ratio lies beyond the bound, the worst first, each layer once."""
    found: dict[str, TimeRatio] = {}
    for one in sorted(time_ratios(window), key=lambda one: one.value, reverse=above):
        if one.value > bound if above else one.value < bound:
            found.setdefault(one.layer, one)
    return list(found.values())


def _over_last(norms: Floats) -> tuple[float, float]:
    """The first and the middle time steps over the last; NaN where there are too few, or nothing at the last."""
    end = max(1, len(norms) // END)
    last = float(norms[-end:].max()) if len(norms) >= 4 else 0.0
    if not last > 0:
        return float("nan"), float("nan")
    start = (len(norms) - end) // 2
    return float(norms[:end].max()) / last, float(norms[start : start + end].max()) / last
