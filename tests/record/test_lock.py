from __future__ import annotations

import os
import sys
import threading
from types import FrameType

import pytest
from torch import nn

from gradwidget import GradMonitor
from gradwidget.record.lock import free_when_forked


class Owner:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        free_when_forked(self)


def test_a_child_is_not_kept_waiting_by_a_thread_that_it_does_not_have() -> None:
    owner, held, over = Owner(), threading.Event(), threading.Event()

    def hold() -> None:
        with owner.lock:
            held.set()
            over.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if not child:
        # Ends by itself where it waits forever.
        threading.Timer(10, os._exit, [1]).start()
        with owner.lock:
            os._exit(0)
    over.set()
    holder.join()
    assert os.waitpid(child, 0)[1] == 0


def test_the_parent_keeps_its_lock() -> None:
    owner = Owner()
    before = owner.lock
    child = os.fork()
    if not child:
        os._exit(int(owner.lock is before))
    assert os.waitpid(child, 0)[1] == 0
    assert owner.lock is before


@pytest.mark.parametrize("make", [Owner, lambda: GradMonitor(nn.Linear(1, 1))._session])
def test_an_interrupt_finds_no_line_between_taking_it_and_holding_it(make: type[Owner]) -> None:
    owner, ran = make(), []

    def note(frame: FrameType, event: str, _given: object) -> None:
        if event == "call":
            ran.append(frame.f_code.co_qualname)

    sys.setprofile(note)
    try:
        with owner.lock:
            pass
    finally:
        sys.setprofile(None)
    assert ran == []
