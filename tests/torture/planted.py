"""Defects that are planted on purpose, to see that each check of the torture finds its own."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook

from tests.torture.case import Case
from tests.torture.child import attempt
from tests.torture.watch import Watcher


def draws_a_random_number(_: Watcher) -> None:
    """Whatever draws later gets another one."""
    torch.rand(1)


def raises(_: Watcher) -> None:
    """An error in the loop, as the hook of an optimizer has it."""
    message = "planted"
    raise RuntimeError(message)


def leaves_a_hook(_: Watcher) -> None:
    """A hook that nobody removes."""
    register_module_forward_hook(lambda *_: None)


def crashes(_: Watcher) -> None:
    """The process dies."""
    os.kill(os.getpid(), signal.SIGSEGV)


def hangs(_: Watcher) -> None:
    """The process sleeps."""
    time.sleep(1e6)


def keeps_memory(watcher: Watcher) -> None:
    """Memory that nobody gives back."""
    held: Any = watcher
    held.planted = torch.ones(50_000_000)


def fails_in_silence(watcher: Watcher) -> None:
    """Something was switched off, and no report says so."""
    watcher.session._guard.note("there", "switched off")


def lies(watcher: Watcher) -> None:
    """A loss that is not the loss."""
    for frame in watcher.frames:
        frame.scalars["loss"] = 7.0  # type: ignore[index]  # a dict, behind a type that hides it


def says_nothing(watcher: Watcher) -> None:
    """Frames that never arrive."""
    watcher.frames.clear()


PLANTED: dict[str, Callable[[Watcher], None]] = {
    "bits": draws_a_random_number,
    "raised": raises,
    "hooks": leaves_a_hook,
    "crash": crashes,
    "hang": hangs,
    "memory": keeps_memory,
    "switched off": fails_in_silence,
    "figures": lies,
    "frames": says_nothing,
}
"""What is planted where watching ends, by the check that has to find it."""


def found(check: str) -> frozenset[str]:
    """The checks that fail where the defect of a check is planted; none where there is none."""
    original, plant = Watcher.close, PLANTED.get(check)

    def close(watcher: Watcher) -> None:
        original(watcher)
        if plant is not None:
            plant(watcher)

    Watcher.close = close  # type: ignore[method-assign, assignment]  # planting it is the point
    try:
        return attempt(Case(watches=("full",)), patience=4.0).checks
    finally:
        Watcher.close = original  # type: ignore[method-assign]  # as above


if __name__ == "__main__":
    json.dump({check: sorted(found(check)) for check in ("", *PLANTED)}, sys.stdout)
