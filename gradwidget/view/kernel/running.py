"""The kernel of ipykernel that this process runs in, where it is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython import get_ipython


def running_kernel() -> Any:  # noqa: ANN401 - whatever runs the notebook
    """The kernel; None outside one."""
    return getattr(get_ipython(), "kernel", None)


def main_shell_is_busy(kernel: Any) -> Callable[[], bool]:  # noqa: ANN401 - as above
    """Tells on any thread whether a cell runs in the main shell.

    Raises:
        AttributeError: the kernel has no subshells, so that nobody could ask while one does.
    """
    is_busy: Callable[[], bool] = kernel._main_asyncio_lock.locked  # noqa: SLF001 - nothing public tells it
    return is_busy
