"""How much of a graph Python sees, by the stack of the thread that frees it."""

from __future__ import annotations

import threading

from gradwidget.capture.model.most_nodes import MOST_NODES, NODE_BYTES, most_nodes


def in_thread_of(stack: int) -> int:
    """As a thread has it whose stack is not that of threads made later."""
    found: list[int] = []
    before = threading.stack_size(stack)
    thread = threading.Thread(target=lambda: found.append(most_nodes()))
    thread.start()
    threading.stack_size(before)
    thread.join()
    return found[0]


def test_a_large_stack_has_room_for_all() -> None:
    assert most_nodes() == MOST_NODES
    assert in_thread_of(64 << 20) == MOST_NODES


def test_a_small_one_has_room_for_its_part() -> None:
    for size in (256 << 10, 1 << 20):
        assert abs(in_thread_of(size) - size / NODE_BYTES) < 0.1 * size / NODE_BYTES
