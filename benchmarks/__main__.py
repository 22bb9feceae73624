"""``python -m benchmarks``: the cost of recording and judging a frame, then all overheads."""

from __future__ import annotations

from benchmarks import overhead, rules

if __name__ == "__main__":
    rules.main()
    overhead.main()
