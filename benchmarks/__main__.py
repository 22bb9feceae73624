"""``python -m benchmarks``: the table of overheads."""

from __future__ import annotations

from benchmarks.overhead import main

if __name__ == "__main__":
    main()
