"""Makes a failing case as small as it can be, while it fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.torture.case import Case
from tests.torture.child import Outcome

TRIES = 3
"""How often a smaller case is tried where a race may be at work, which does not show every time."""
RACES = ("crash", "raised", "promise")
"""The checks in which races show."""
MOST, FEW = 50, 8
"""How many cases are tried in all, and how many where each that fails takes long."""


def minimized(
    case: Case, outcome: Outcome, check: str, attempt: Callable[[Case], Outcome]
) -> tuple[Case, Outcome]:
    """The smallest case found that fails in the same check, and its outcome.

    Args:
        case: one that fails.
        outcome: its outcome.
        check: the check that it fails in.
        attempt: runs a case.
    """
    left = FEW if check == "hang" else MOST
    shrunk = True
    while shrunk and left > 0:
        shrunk = False
        for smaller in _smaller(case):
            for _ in range(TRIES if check in RACES else 1):
                left -= 1
                found = attempt(smaller)
                if check in found.checks:
                    case, outcome, shrunk = smaller, found, True
                    break
            if shrunk or left <= 0:
                break
    return case, outcome


def _smaller(case: Case) -> Iterator[Case]:
    """Cases that are simpler in one respect, the greatest simplification first."""
    plain = Case(seed=case.seed)
    candidates = [
        replace(case, extras=tuple(one for one in case.extras if one != name))
        for name in case.extras
    ]
    candidates += [replace(case, watches=(watch,)) for watch in case.watches]
    candidates += [
        replace(case, **{name: getattr(plain, name)})
        for name in ("model", "loop", "optimizer", "layers", "width", "batch")
    ]
    candidates += [
        replace(case, steps=steps)
        for steps in (1, 2, 3, 5, 8, 12, 20, 40)
        if steps < case.steps and all(steps >= min(part.steps, 12) for part in case.parts)
    ]
    for one in candidates:
        if one != case and one.is_sound:
            yield one
