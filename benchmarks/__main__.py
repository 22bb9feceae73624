"""``python -m benchmarks``: what recording and judging a frame costs, then the table of overheads."""

from __future__ import annotations

from benchmarks import overhead, rules

if __name__ == "__main__":
    rules.main()
    overhead.main()
