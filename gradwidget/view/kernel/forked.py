"""Processes that are forked from a kernel, as ``notebook_launcher`` starts a training."""

from __future__ import annotations

import os

from gradwidget.view.kernel.running import running_kernel

FORKED = (
    "gradwidget: this process was forked from the notebook's, which alone has a live picture. What "
    "follows is brought up to date now and then. For the picture, record with "
    'GradMonitor(model, run_file="run.gw") and show GradWidget("run.gw") in the notebook.'
)


def is_forked() -> bool:
    """Whether this process is none of a kernel's own: a page cannot answer it."""
    # The number in the kernel's session is that of the process that printed last.
    printing = getattr(running_kernel(), "iopub_thread", None)
    own: int = getattr(printing, "_master_pid", os.getpid())
    return own != os.getpid()
