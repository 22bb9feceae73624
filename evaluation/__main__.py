"""``python -m evaluation``: trains every run and prints what the diagnosis makes of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from functools import partial
from multiprocessing import get_context

from evaluation.runs.catalog import all_runs
from evaluation.runs.run import Conditions
from evaluation.score import tally
from evaluation.table import table
from evaluation.trial import LOADING, Trial, trial

PROCESSES = 4


def trials(
    names: list[str], conditions: list[Conditions], *, every_step: bool, loading: float
) -> Iterator[Trial]:
    """Every run under every condition, in four processes of one thread each."""
    names_asked = names * len(conditions)
    conditions_asked = [condition for condition in conditions for _ in names]
    # Fresh processes: torch's threads do not survive a fork.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        yield from pool.map(
            partial(trial, every_step=every_step, loading=loading), names_asked, conditions_asked
        )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=1, help="how many seeds to train every run with"
    )
    parser.add_argument(
        "--varied",
        action="store_true",
        help="change widths, depths, rates, batch sizes and reductions",
    )
    parser.add_argument("--only", default="*", metavar="GLOB", help="runs whose name matches")
    parser.add_argument(
        "--every-step", action="store_true", help="no budget: every step is sampled in full"
    )
    parser.add_argument(
        "--loading",
        type=float,
        default=LOADING,
        metavar="SECONDS",
        help="that each batch takes to arrive",
    )
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="only the runs that the rules were not written with, in full",
    )
    options = parser.parse_args()
    runs = all_runs()
    names = [
        name
        for name, run in runs.items()
        if fnmatchcase(name, options.only) and (run.held_out or not options.held_out)
    ]
    conditions = [Conditions(seed, options.varied) for seed in range(options.seeds)]
    done = []
    for one in trials(names, conditions, every_step=options.every_step, loading=options.loading):
        done.append(one)
        print(
            f"\r{len(done)} of {len(names) * len(conditions)}: {one.run:40}",
            end="",
            file=sys.stderr,
            flush=True,
        )
    print(f"\r{'':60}", file=sys.stderr)
    if options.held_out:
        print(table(tally(done)))
        return
    seen = tally(one for one in done if not runs[one.run].held_out)
    print(table(seen, tally(one for one in done if runs[one.run].held_out)))


if __name__ == "__main__":
    main()
