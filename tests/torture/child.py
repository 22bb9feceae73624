"""Runs a case in a process of its own, which may crash or hang."""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import select
import signal
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from tests.torture.case import Case
from tests.torture.reference.compare import Failure, UnsoundError, failures
from tests.torture.run import settle

PATIENCE = 20.0
"""Seconds of processor time that a case may take, and of none at all until it counts as hanging."""
MOST_MEMORY = 12 * 2**30
"""Bytes of address space that a case may have: a failure is better than the end of the machine."""
LONGEST = 10
"""Times as many seconds after which it hangs on whatever clock: other work may slow it down."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case."""

    failures: tuple[Failure, ...] = ()
    unsound: str = ""
    """Why it could not be judged; empty where it could."""

    @property
    def checks(self) -> frozenset[str]:
        """What was found wrong, in words that compare."""
        return frozenset(failure.check for failure in self.failures)


def attempt(case: Case, patience: float = PATIENCE) -> Outcome:
    """Runs a case in a fork of this process, which must never have run a backward pass itself."""
    gc.freeze()  # what is there already is left alone by the collector, which makes it quick
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as trace:
        pid = os.fork()
        if not pid:
            os.close(reading)
            _child(case, writing, trace)
        os.close(writing)
        said, in_time = _listen(reading, pid, patience)
        if not in_time:
            os.kill(pid, signal.SIGUSR1)  # it writes down where each of its threads is
            time.sleep(0.2)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(reading)
        trace.seek(0)
        return _outcome(said, trace.read().decode(errors="replace"), status, in_time=in_time)


def _child(case: Case, writing: int, trace: BinaryIO) -> None:
    """Does not return."""

    def say(what: str, value: object) -> None:
        os.write(writing, json.dumps([what, value]).encode() + b"\n")

    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    os.dup2(trace.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    faulthandler.enable(trace)
    faulthandler.register(signal.SIGUSR1, file=trace)
    settle()
    try:
        found = failures(case, lambda phase: say("phase", phase))
        say("found", [asdict(failure) for failure in found])
    except UnsoundError as error:
        say("unsound", str(error))
    except BaseException:  # noqa: BLE001  # told to the parent, whatever it is
        say("raised", traceback.format_exc())
    os._exit(0)


def _listen(reading: int, pid: int, patience: float) -> tuple[list[tuple[str, object]], bool]:
    """What the child says until it ends, and whether it ended in time."""
    began, held = time.monotonic(), b""
    worked, worked_at = 0.0, began
    while True:
        ready, _, _ = select.select([reading], [], [], 0.5)
        if ready:
            part = os.read(reading, 1 << 16)
            if not part:
                return _parsed(held), True
            held += part
        now, spent = time.monotonic(), _processor_time(pid)
        if spent > worked + 0.1:
            worked, worked_at = spent, now
        if spent > patience or now - worked_at > patience or now - began > LONGEST * patience:
            return _parsed(held), False


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _parsed(held: bytes) -> list[tuple[str, object]]:
    return [tuple(json.loads(line)) for line in held.split(b"\n")[:-1]]


def _outcome(said: list[tuple[str, object]], trace: str, status: int, *, in_time: bool) -> Outcome:
    phase = str(next((value for what, value in reversed(said) if what == "phase"), "start"))
    what, value = said[-1] if said else ("phase", "start")
    if what == "found" and isinstance(value, list):
        return Outcome(tuple(Failure(**one) for one in value))
    if what == "unsound":
        return Outcome(unsound=str(value))
    if what == "raised":
        detail = str(value)
    elif not in_time:
        detail = f"does not end\n{trace[-3000:]}"
    else:
        detail = f"status {status}\n{trace[-3000:]}"
    if phase.startswith(("alone", "start")):
        return Outcome(unsound=f"while it ran alone: {detail}")
    check = "escaped" if what == "raised" else "crash" if in_time else "hang"
    return Outcome((Failure(check, phase, detail),))
