"""Makes a failing case as small as it can be, while it fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.torture.case import Case
from tests.torture.child import Outcome

TRIES = 2
"""How often a smaller case is tried: a race does not show every time."""


def minimized(
    case: Case, check: str, attempt: Callable[[Case], Outcome], most: int = 60
) -> tuple[Case, Outcome | None]:
    """The smallest case found that fails in the same check, and its outcome.

    Args:
        case: one that fails.
        check: the check that it fails in.
        attempt: runs a case.
        most: how many runs this may take.
    """
    best: Outcome | None = None
    left = most
    shrunk = True
    while shrunk and left > 0:
        shrunk = False
        for smaller in _smaller(case):
            outcome = None
            for _ in range(TRIES):
                left -= 1
                outcome = attempt(smaller)
                if check in outcome.checks:
                    break
            if outcome is not None and check in outcome.checks:
                case, best, shrunk = smaller, outcome, True
                break
            if left <= 0:
                break
    return case, best


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
