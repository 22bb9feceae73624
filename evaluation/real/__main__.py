"""``python -m evaluation.real``: architectures of real kinds, healthy and sick in five ways."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from multiprocessing import get_context

from evaluation.__main__ import PROCESSES
from evaluation.real.subject import WAYS
from evaluation.real.verdict import SUBJECTS, judge, table


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.real", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds to train each with")
    parser.add_argument("--only", default="*", metavar="GLOB", help="architectures by name")
    parser.add_argument("--healthy", action="store_true", help="the healthy ones alone")
    options = parser.parse_args()
    asked = [
        (name, way, seed)
        for name, subject in SUBJECTS.items()
        if fnmatchcase(name, options.only)
        for way in ("", *WAYS)
        if way in ("", *subject.named) and not (way and options.healthy)
        for seed in range(options.seeds)
    ]
    done = []
    # Fresh processes: torch's threads do not survive a fork.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for one in pool.map(judge, *zip(*asked, strict=True)):
            done.append(one)
            progress = f"{len(done)} of {len(asked)}: {one.name}, {one.way or 'healthy'}"
            print(f"\r{progress:60}", end="", file=sys.stderr, flush=True)
    print(f"\r{'':60}", file=sys.stderr)
    print(table(done))


if __name__ == "__main__":
    main()
