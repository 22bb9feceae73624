"""Keeps what pages and servers know of the kernel true: whether a cell runs.

When a subshell has served a message, ipykernel says that the kernel is idle, whatever its main
shell does. Pages then show an idle kernel while it trains, and a server that ends idle kernels
would end one whose loop is paused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from gradwidget.view.kernel.running import main_shell_is_busy, running_kernel

SETTLED = 1.0
"""Seconds after which a cell that was about to end has ended."""


def keep_status() -> None:
    """Says once more that the main shell is busy, if it is; to be called while a message is served.

    It takes effect after what ipykernel itself says of that message. Where the kernel has no
    subshells nothing is said.
    """
    kernel = running_kernel()
    try:
        is_busy = main_shell_is_busy(kernel)
    except AttributeError:
        return
    asyncio.get_running_loop().call_soon(_correct, kernel, is_busy)


def _correct(kernel: Any, is_busy: Callable[[], bool]) -> None:  # noqa: ANN401 - ipykernel's
    if is_busy():
        _say(kernel, "busy")
        asyncio.get_running_loop().call_later(SETTLED, _settle, kernel, is_busy)


def _settle(kernel: Any, is_busy: Callable[[], bool]) -> None:  # noqa: ANN401 - as above
    # The cell may have said that it is idle just before, and ended just after.
    if not is_busy():
        _say(kernel, "idle")


def _say(kernel: Any, state: str) -> None:  # noqa: ANN401 - as above
    kernel.session.send(kernel.iopub_socket, "status", {"execution_state": state})
