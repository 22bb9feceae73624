"""What watching costs, beside other tools: ``python -m benchmarks.overhead [workload …]``.

Every number is the median over blocks of the ratio of instrumented to plain steps, in processor
time of the training thread, with the quartiles behind it; the first row, two plain copies, is the
noise floor. Steps until the sampling has settled are left out. Where a row delivers statistics at
every step, the last column of a cell is its cost for one of them.
"""

from __future__ import annotations

import argparse
import statistics

import torch

from benchmarks.interleave import Measured, measure
from benchmarks.rivals import methods
from benchmarks.workloads import WORKLOADS


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(WORKLOADS))
    parser.add_argument("--seconds", type=float, default=20.0, help="for each cell of the table")
    parser.add_argument("--rows", default="", help="only rows whose name holds this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for workload in options.workloads or WORKLOADS:
        make = WORKLOADS[workload]
        print(f"{workload}: {make.__doc__}", flush=True)
        print(
            f"  {'overhead in %':34}{'median':>9}{'quartiles':>18}{'a statistic':>13}", flush=True
        )
        for name, method in methods().items():
            if options.rows in name:
                print(f"  {name:34}{line(measure(make, method, options.seconds))}", flush=True)
        print()


def line(measured: Measured) -> str:
    """The numbers of one row."""
    shares = [100 * share for share in measured.shares]
    low, middle, high = statistics.quantiles(shares, n=4)
    each = f"{middle / measured.statistics:+13.2f}" if measured.statistics else f"{'–':>13}"
    return f"{middle:+9.1f}{f'{low:+.1f} … {high:+.1f}':>18}{each}"


if __name__ == "__main__":
    main()
