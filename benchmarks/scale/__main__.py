"""How costs grow: ``python -m benchmarks.scale [layers] [parameters] [steps]``.

Each line gives one cost at every size, and the power of the size that it grows with over the upper
half of the sizes; what grows faster than it may is marked. Times are processor time of one thread:
what else the machine does matters little.
"""

from __future__ import annotations

import argparse
from time import thread_time

import torch

from benchmarks.scale import layers, parameters, steps
from gradwidget.capture import guard

PARTS = {"layers": layers.main, "parameters": parameters.main, "steps": steps.main}


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or list(PARTS)
    torch.set_num_threads(1)
    # Its own clock has to be the one that everything else is timed by.
    vars(guard)["perf_counter"] = thread_time
    for part in chosen:
        PARTS[part]()


if __name__ == "__main__":
    main()
