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
    values: Floats
    """Each of the newest profiles, newest first."""
    steps: list[int]
    """The steps of those."""
    length: int
    """Time steps of the newest profile."""
    quantity: str


def time_ratios(window: Window) -> list[TimeRatio]:
    """One for each recurrent layer with enough profiles."""
    seen: dict[tuple[str, int, bool], list[tuple[int, float, int, str]]] = {}
    for frame in reversed(window.history.recent_frames(64)):
        for profile in frame.recurrent:
            # the direction that reads from the end has its first time step there
            norms = profile.norms[::-1] if profile.reverse else profile.norms
            ratio = _first_over_last(norms.astype(np.float64))
            if np.isfinite(ratio):
                seen.setdefault((profile.layer, profile.depth, profile.reverse), []).append(
                    (frame.step, ratio, len(profile.norms), profile.quantity)
                )
    ratios = []
    for (layer, _, _), found in seen.items():
        values = np.array([ratio for _, ratio, _, _ in found])
        newest = values[: window.limits.rnn_profiles]
        if len(newest) > window.limits.rnn_profiles // 2:
            steps = [step for step, _, _, _ in found]
            ratios.append(TimeRatio(layer, middle(newest), values, steps, found[0][2], found[0][3]))
    return ratios


def layers_past(window: Window, bound: float, *, above: bool) -> list[TimeRatio]:
    """The recurrent layers whose ratio lies beyond the bound, the worst first, each layer once."""
    found: dict[str, TimeRatio] = {}
    for one in sorted(time_ratios(window), key=lambda one: one.value, reverse=above):
        if one.value > bound if above else one.value < bound:
            found.setdefault(one.layer, one)
    return list(found.values())


def _first_over_last(norms: Floats) -> float:
    if len(norms) < 4:
        return float("nan")
    end = max(1, len(norms) // END)
    last = float(norms[-end:].max())
    return float(norms[:end].max()) / last if last > 0 else float("nan")
