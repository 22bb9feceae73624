"""What waits for a kernel that has nothing to do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from gradwidget.view.kernel import idle, running


def test_it_is_handed_to_the_loop_of_the_thread_that_runs_cells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting: list[Callable[[], None]] = []
    kernel = SimpleNamespace(io_loop=SimpleNamespace(add_callback=waiting.append))
    monkeypatch.setattr(running, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
    idle.when_idle(print)
    assert waiting == [print]


def test_without_a_kernel_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[None] = []
    for shell in (None, SimpleNamespace()):
        monkeypatch.setattr(running, "get_ipython", lambda shell=shell: shell)
        idle.when_idle(lambda: called.append(None))
    assert called == []
