"""``python -m evaluation.cures``: how often the advice cures, by cause."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from multiprocessing import get_context

from evaluation.__main__ import PROCESSES
from evaluation.cures.table import summary, table
from evaluation.cures.treatment import Treatment, treat
from evaluation.runs.catalog import all_runs
from evaluation.runs.run import Conditions


def treatments(names: list[str], seeds: int) -> Iterator[Treatment]:
    """Every run under every seed, in four processes of one thread each."""
    conditions = [Conditions(seed) for seed in range(seeds) for _ in names]
    # Fresh processes: torch's threads do not survive a fork.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        yield from pool.map(treat, names * seeds, conditions)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.cures", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=1, help="how many seeds to train every run with"
    )
    parser.add_argument("--only", default="*", metavar="GLOB", help="runs whose name matches")
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
        if run.has and fnmatchcase(name, options.only) and (run.held_out or not options.held_out)
    ]
    done = []
    for one in treatments(names, options.seeds):
        done.append(one)
        progress = f"{len(done)} of {len(names) * options.seeds}: {one.run:40}"
        print(f"\r{progress}", end="", file=sys.stderr, flush=True)
    print(f"\r{'':60}", file=sys.stderr)
    last = [one for one in done if runs[one.run].held_out]
    if options.held_out:
        print(table(last))
        return
    print(table(one for one in done if not runs[one.run].held_out))
    print(summary(last))


if __name__ == "__main__":
    main()
