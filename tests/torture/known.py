"""The failures of a session: each is made small once, and counted from then on."""

# ruff: noqa: T201  # a command: it speaks on the terminal
from __future__ import annotations

from dataclasses import dataclass

from tests.torture.case import Case
from tests.torture.child import Outcome, attempt
from tests.torture.minimize import minimized
from tests.torture.reference.compare import Failure

SEVEREST = [
    *("crash", "hang", "escaped", "raised", "bits", "seen", "promise", "hooks", "figures"),
    *("frames", "switched off", "problem", "report", "confession", "slow", "memory"),
]
"""The checks, in the order in which what fails them is made small."""


@dataclass
class Defect:
    """One way to fail, with the smallest case that does."""

    check: str
    case: Case
    failure: Failure
    times: int = 1

    def explains(self, case: Case, check: str) -> bool:
        """Whether a case has everything in it that it takes to fail like this."""
        plain = Case()
        return check == self.check and (
            set(self.case.extras) <= set(case.extras)
            and all(
                getattr(self.case, name) in (getattr(plain, name), getattr(case, name))
                for name in ("model", "loop", "optimizer")
            )
        )


class Known:
    """All defects that were found."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.defects: list[Defect] = []

    def is_worn(self, case: Case) -> bool:
        """Whether a case would only hang, as others did before it: that takes long each time."""
        hangs = [one for one in self.defects if one.check == "hang" and one.times > 1]
        return any(one.explains(case, "hang") for one in hangs)

    def failed(self, case: Case, outcome: Outcome, *, shrink: bool) -> None:
        """Counts the failures of a case, and makes those small that are new."""
        left = set(outcome.checks)
        for check in sorted(left):
            known = next((one for one in self.defects if one.explains(case, check)), None)
            if known is not None:
                known.times += 1
                left.discard(check)
        while left:
            check = min(left, key=SEVEREST.index)
            small, last = case, outcome
            if shrink:
                small, last = minimized(case, outcome, check, self._again)
            for one in last.failures:
                if one.check in left:
                    left.discard(one.check)
                    self._new(small, one)

    def _again(self, case: Case) -> Outcome:
        return attempt(case, min(self._patience, 10.0))

    def _new(self, case: Case, failure: Failure) -> None:
        if all((one.check, one.case) != (failure.check, case) for one in self.defects):
            self.defects.append(Defect(failure.check, case, failure))
            print(f"\n{failure}\n    python -m tests.torture --case '{case}'", flush=True)

    def summary(self) -> None:
        """Prints every defect with how often it was met."""
        for defect in sorted(self.defects, key=lambda one: -one.times):
            first = defect.failure.detail.partition("\n")[0]
            print(f"{defect.times:5} × {defect.check}: {first[:150]}\n        '{defect.case}'")
