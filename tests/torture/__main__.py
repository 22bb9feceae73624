"""Tortures gradwidget: ``python -m tests.torture --seconds 600 --seed 1``."""

# ruff: noqa: T201  # a command: it speaks on the terminal
from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator

import tests.torture.kinds  # registers every extra
from tests.torture.case import Case, draw, each
from tests.torture.child import PATIENCE, Outcome, attempt
from tests.torture.extra import EXTRAS, KINDS
from tests.torture.known import Known

assert tests.torture.kinds.__doc__

FOREVER = 1e9


def main() -> int:
    """Runs cases until the time is up; 1 where a promise was broken."""
    options = _options()
    if options.list:
        for kind, names in sorted(KINDS.items()):
            print(kind)
            for name in names:
                print(f"    {name:32} {(EXTRAS[name].__doc__ or '').partition(chr(10))[0]}")
        return 0
    if options.case:
        return _paste(Case.parse(options.case), options.patience)
    known, counts, unsound = Known(options.patience), Counter[str](), Counter[str]()
    print(f"seed {options.seed}", flush=True)
    began, spent = time.monotonic(), 0.0
    for case in _cases(options):
        if time.monotonic() - began > options.seconds:
            break
        if known.is_worn(case):
            counts["passed over"] += 1
            continue
        start = time.monotonic()
        outcome = attempt(case, options.patience)
        spent += time.monotonic() - start
        counts["cases"] += 1
        if outcome.unsound:
            counts["unsound"] += 1
            unsound[outcome.unsound.strip().splitlines()[-1]] += 1
            print(f"unsound: {case}\n    {outcome.unsound.strip()[-400:]}", flush=True)
        elif outcome.failures:
            counts["failing"] += 1
            known.failed(case, outcome, shrink=not options.quick)
    rate = counts["cases"] / max(spent, 1e-9)
    print(f"\n{dict(counts)}, {rate:.1f} cases per second")
    known.summary()
    return 1 if counts["failing"] or counts["unsound"] else 0


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    if options.each:
        yield from each(options.only)
    if options.cases or options.seconds < FOREVER:
        for number in itertools.count(options.first):
            if options.cases and number >= options.first + options.cases:
                return
            yield draw(options.seed, number, options.only)


def _paste(case: Case, patience: float) -> int:
    outcome: Outcome = attempt(case, patience)
    print(case)
    if outcome.unsound:
        print(f"unsound: {outcome.unsound}")
        return 2
    for failure in outcome.failures:
        print(failure)
    print("fails" if outcome.failures else "passes")
    return 1 if outcome.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=FOREVER, help="how long to go on")
    parser.add_argument("--cases", type=int, help="how many cases; as many as there is time for")
    seed = time.time_ns() % 1_000_000
    parser.add_argument("--seed", type=int, default=seed, help="draws the cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", choices=sorted(KINDS), help="one kind of extras")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds a case may take")
    parser.add_argument("--each", action="store_true", help="first each extra by itself, once")
    parser.add_argument("--quick", action="store_true", help="do not make failing cases small")
    parser.add_argument("--case", help="a case as it was printed: runs it alone")
    parser.add_argument("--list", action="store_true", help="what is varied")
    options = parser.parse_args()
    if not (
        options.case or options.list or options.cases or options.each or options.seconds < FOREVER
    ):
        parser.error("say how long: --seconds or --cases")
    return options


if __name__ == "__main__":
    sys.exit(main())
