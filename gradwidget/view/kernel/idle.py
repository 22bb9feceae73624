"""What is to be done when the kernel has nothing to do."""

from __future__ import annotations

from collections.abc import Callable

from gradwidget.view.kernel.running import running_kernel


def when_idle(call: Callable[[], object]) -> None:
    """Calls on the kernel's main thread as soon as no cell runs there.

    For any thread. Where there is no kernel, nothing is called.
    """
    kernel = running_kernel()
    if kernel is not None:
        kernel.io_loop.add_callback(call)
