"""What the gate costs per step while nobody requests anything: ``python -m benchmarks.gate``."""

from __future__ import annotations

from timeit import repeat

from gradwidget.control.gate import Gate

CALLS = 200_000
BOUND = 5.0
"""Microseconds per step that the gate may cost at most."""


def nothing() -> bool:
    """An empty call, to compare with."""
    return False


def main() -> None:
    """Prints the time of one step's call at an open gate beside that of an empty call."""
    gate = Gate(lambda _command, _step: "")
    microseconds = {
        name: min(repeat(call, number=CALLS, repeat=5)) / CALLS * 1e6
        for name, call in (("empty call", nothing), ("open gate", gate.step_done))
    }
    for name, cost in microseconds.items():
        print(f"{name:<12} {cost:.3f} µs per step")
    assert microseconds["open gate"] < BOUND, "the gate is too expensive"


if __name__ == "__main__":
    main()
