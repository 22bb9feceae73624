"""Whether a page of this host can reach the kernel while a cell runs."""

from __future__ import annotations

from gradwidget.view.kernel.running import main_shell_is_busy, running_kernel

OPENING = 20.0
"""Seconds that a paused cell waits for a page to show that it can resume it, should one only just
be opening, as it is when all cells are run at once."""

NO_KERNEL = (
    "Not paused: nothing could resume the loop, since this notebook cannot reach a running cell. "
    'Train on a thread of its own, or use on_finding="breakpoint".'
)
NO_SUBSHELLS = (
    "Not paused: this kernel has no subshells, so nothing could resume the cell. Use "
    'on_finding="breakpoint", or upgrade ipykernel to version 7 and use JupyterLab 4.4 or later.'
)
NO_PAGE = (
    "Not paused: no page has answered that could resume the cell. Display the widget in JupyterLab "
    '4.4 or later, or use on_finding="breakpoint".'
)


def page_while_busy() -> tuple[str, float]:
    """What may resume a paused cell.

    Returns:
        Why nothing is paused as long as no page has shown that it can resume, and the seconds to
        wait for one.
    """
    kernel = running_kernel()
    if kernel is None:
        return NO_KERNEL, 0.0
    try:
        main_shell_is_busy(kernel)
    except AttributeError:
        return NO_SUBSHELLS, 0.0
    return NO_PAGE, OPENING
