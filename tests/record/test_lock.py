from __future__ import annotations

import os
import threading

from gradwidget.record.lock import ReaderLock


def test_others_wait_until_it_is_released() -> None:
    lock = ReaderLock()
    order: list[str] = []
    with lock, lock:
        other = threading.Thread(target=lambda: taken(lock, order))
        other.start()
        order.append("first")
    other.join()
    assert order == ["first", "then"]


def taken(lock: ReaderLock, order: list[str]) -> None:
    with lock:
        order.append("then")


def test_a_child_is_not_kept_waiting_by_a_thread_that_it_does_not_have() -> None:
    lock, held, over = ReaderLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if not child:
        # Ends by itself where it waits forever.
        threading.Timer(10, os._exit, [1]).start()
        with lock:
            os._exit(0)
    over.set()
    holder.join()
    assert os.waitpid(child, 0)[1] == 0
