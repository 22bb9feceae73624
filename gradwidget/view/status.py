"""Keeps what pages and servers know of the kernel true: whether a cell runs.

When a subshell has served a message, ipykernel says that the kernel is idle, whatever its main shell does. Pages then
show an idle kernel while it trains, and a server that ends idle kernels would end one whose loop is held.
"""

from __future__ import annotations

import asyncio
from typing import Any

from IPython import get_ipython

SETTLED = 1.0
"""Seconds after which a cell that was about to end has ended."""


def keep_status() -> None:
    """Says once more that the main shell is busy, if it is; to be called while a message is served.

    It takes effect after what ipykernel itself says of that message. Where the kernel has no subshells nothing is said.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    if hasattr(kernel, "_main_asyncio_lock"):
        asyncio.get_running_loop().call_soon(_correct, kernel)


def _correct(kernel: Any) -> None:  # noqa: ANN401 - ipykernel's
    if _is_busy(kernel):
        _say(kernel, "busy")
        asyncio.get_running_loop().call_later(SETTLED, _settle, kernel)


def _settle(kernel: Any) -> None:  # noqa: ANN401 - as above
    # The cell may have said that it is idle just before, and ended just after.
    if not _is_busy(kernel):
        _say(kernel, "idle")


def _is_busy(kernel: Any) -> bool:  # noqa: ANN401 - as above
    return bool(kernel._main_asyncio_lock.locked())  # noqa: SLF001 - nothing public tells it from another thread


def _say(kernel: Any, state: str) -> None:  # noqa: ANN401 - as above
    kernel.session.send(kernel.iopub_socket, "status", {"execution_state": state})
