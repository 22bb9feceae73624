"""See how gradients flow through a PyTorch model, and what is wrong when it does not learn.

The names of ``__all__`` are public, with all that they document and whose name does not begin with
an underscore. Everything else, every module included, is private and may change at any time.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradwidget.control.reaction import GradientError
    from gradwidget.demonstration import demo
    from gradwidget.diagnose.finding import Finding, Remedy, Symptom
    from gradwidget.diagnose.thresholds import Thresholds
    from gradwidget.frame import Frame, Layer
    from gradwidget.monitor import GradMonitor
    from gradwidget.record.history import History
    from gradwidget.record.rank_log import Rank
    from gradwidget.run.run import Run, open_run
    from gradwidget.run.run_file_error import RunFileError
    from gradwidget.terminal.side_by_side import compare
    from gradwidget.widget import GradWidget

__all__ = [
    "Finding",
    "Frame",
    "GradMonitor",
    "GradWidget",
    "GradientError",
    "History",
    "Layer",
    "Rank",
    "Remedy",
    "Run",
    "RunFileError",
    "Symptom",
    "Thresholds",
    "__version__",
    "compare",
    "demo",
    "open_run",
]

_home = {
    "Finding": "gradwidget.diagnose.finding",
    "Frame": "gradwidget.frame",
    "GradMonitor": "gradwidget.monitor",
    "GradWidget": "gradwidget.widget",
    "GradientError": "gradwidget.control.reaction",
    "History": "gradwidget.record.history",
    "Layer": "gradwidget.frame",
    "Rank": "gradwidget.record.rank_log",
    "Remedy": "gradwidget.diagnose.finding",
    "Run": "gradwidget.run.run",
    "RunFileError": "gradwidget.run.run_file_error",
    "Symptom": "gradwidget.diagnose.finding",
    "Thresholds": "gradwidget.diagnose.thresholds",
    "compare": "gradwidget.terminal.side_by_side",
    "demo": "gradwidget.demonstration",
    "open_run": "gradwidget.run.run",
}


__version__: str
"""Of the installed package; ``pyproject.toml`` says it."""


def __getattr__(name: str) -> object:
    # Each name loads on first use: a headless script never imports a widget library, and a fresh
    # checkout without the built front end can still be imported.
    if name in _home:
        return getattr(import_module(_home[name]), name)
    if name == "__version__":
        return metadata.version("gradwidget")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
