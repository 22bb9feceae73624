"""A process that records a run of hand-made steps: ``python -m ... PATH COUNT FLUSH_SECONDS``.

It says each step once it has handed it over.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from gradwidget.run import recorder
from tests.support.recording.recorded import Recorded, steps

ROOT = Path(__file__).resolve().parents[3]


def recording_process(path: Path, count: int, flush: float) -> subprocess.Popen[str]:
    """Starts it; returns once the file is there."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.support.recording.recording_process",
            str(path),
            str(count),
            str(flush),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def main() -> None:
    path, count, flush = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    recorder.FLUSH_SECONDS = flush
    live = Recorded(path)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for step in range(count):
        live.recorder.add(steps(1, start=step)[0], [])
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        time.sleep(0.001)
    live.close()


if __name__ == "__main__":
    main()
