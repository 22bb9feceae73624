"""The failures of a session: each is made small once, and counted from then on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.torture.case import Case
from tests.torture.child import Outcome, attempt
from tests.torture.compare import Failure
from tests.torture.minimize import minimized


@dataclass
class Defect:
    """One way to fail, with the smallest case that does."""

    check: str
    case: Case
    failure: Failure
    times: int = 1
    kinds: Counter[str] = field(default_factory=Counter)

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

    def failed(self, case: Case, outcome: Outcome, *, shrink: bool) -> None:
        """Counts the failures of a case, and makes those small that are new."""
        for check in sorted(outcome.checks):
            defect = next((one for one in self.defects if one.explains(case, check)), None)
            if defect is None:
                defect = self._new(case, check, outcome, shrink=shrink)
            else:
                defect.times += 1
            defect.kinds.update({part.kind for part in case.parts})

    def _new(self, case: Case, check: str, outcome: Outcome, *, shrink: bool) -> Defect:
        small, last = case, None
        if shrink:
            small, last = minimized(case, check, lambda one: attempt(one, self._patience))
        failure = next(one for one in (last or outcome).failures if one.check == check)
        same = next((one for one in self.defects if (one.check, one.case) == (check, small)), None)
        if same is not None:
            same.times += 1
            return same
        defect = Defect(check, small, failure)
        self.defects.append(defect)
        print(f"\n{failure}\n    python -m tests.torture --case '{small}'", flush=True)
        return defect

    def summary(self) -> None:
        """Prints every defect with how often it was met."""
        for defect in sorted(self.defects, key=lambda one: -one.times):
            first = defect.failure.detail.partition("\n")[0]
            print(f"{defect.times:5} × {defect.check}: {first[:150]}\n        '{defect.case}'")
