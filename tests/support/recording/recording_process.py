"""A process that records a run of hand-made steps, and says each step once it has handed it over.

Every step has a loss and every second one a frame; the gradients vanish for a while and come back,
so that findings open and are over; overviews are written often.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradwidget.run import overviews, recorder
from tests.support.frames import chain, frame, healthy
from tests.support.recording.recorded import Recorded

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding
    from gradwidget.frame import Frame

ROOT = Path(__file__).resolve().parents[3]
LAYERS = chain(6)
SICK, WELL = np.geomspace(1e-9, 1e-2, 6), np.full(6, 0.01)


class Said(NamedTuple):
    """A step that was handed over."""

    step: int
    seconds: float
    """When, as ``time.monotonic`` counts in every process of a machine."""
    findings: str
    """As ``findings_said`` has them."""


def loss_of(step: int) -> float:
    """The loss of each step."""
    return 2.0 + (step % 97) / 64


def findings_said(findings: Sequence[Finding]) -> str:
    """Symptom, first step and whether it is active, of each finding."""
    return ",".join(f"{one.symptom}:{one.first_step}:{one.active:d}" for one in findings)


def recording_process(
    path: Path, count: int, flush: float, start_step: int = 0, at_once: int = 0
) -> subprocess.Popen[str]:
    """Starts it; returns once the file is there.

    Args:
        path: of the run.
        count: of steps.
        flush: seconds.
        start_step: the first step.
        at_once: so many steps come without a pause, and nobody looks for findings in them.
    """
    arguments = [path, count, flush, start_step, at_once]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.recording.recording_process", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def said_of(path: Path) -> list[Said]:
    """What the processes that record to a path have handed over, in their order."""
    path = path.with_suffix(".said")
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    told = [line.split(" ") for line in lines]
    return [Said(int(step), float(seconds), findings) for step, seconds, findings in told]


def _frame(step: int) -> Frame:
    grad_rms = SICK if step // 150 % 2 else WELL
    values = healthy(6, grad_rms=grad_rms, grad_norm=16 * grad_rms)
    return frame(step, LAYERS, {**values, "scalars": {**values["scalars"], "loss": loss_of(step)}})


def main() -> None:
    path, recorder.FLUSH_SECONDS = Path(sys.argv[1]), float(sys.argv[3])
    count, start_step, at_once = int(sys.argv[2]), int(sys.argv[4]), int(sys.argv[5])
    overviews.LONG, overviews.GAIN = 0.0, 0.02
    live = Recorded(path, start_step)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    # Not the pipe: it holds 64 KiB, and then writing waits for its reader.
    said = os.open(path.with_suffix(".said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for step in range(start_step, start_step + count):
        is_paced = step >= start_step + at_once
        if step % 2:
            live.take_losses([(step, loss_of(step))])
        else:
            live.take([_frame(step)], judged=is_paced)
        findings = findings_said(live.engine.findings)
        os.write(said, f"{step} {time.monotonic()} {findings}\n".encode())
        if is_paced:
            time.sleep(0.001)
    live.close()


if __name__ == "__main__":
    main()
