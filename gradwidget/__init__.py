"""See how gradients flow through a PyTorch model while it trains, and what is wrong when it does
not learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradwidget.control.reaction import GradientError
    from gradwidget.diagnose.finding import Finding, Remedy, Symptom
    from gradwidget.diagnose.thresholds import Thresholds
    from gradwidget.frame import Frame, Layer
    from gradwidget.monitor import GradMonitor
    from gradwidget.record.history import History
    from gradwidget.widget import GradWidget

__all__ = [
    "Finding",
    "Frame",
    "GradMonitor",
    "GradWidget",
    "GradientError",
    "History",
    "Layer",
    "Remedy",
    "Symptom",
    "Thresholds",
]

_home = {
    "Finding": "gradwidget.diagnose.finding",
    "Frame": "gradwidget.frame",
    "GradMonitor": "gradwidget.monitor",
    "GradWidget": "gradwidget.widget",
    "GradientError": "gradwidget.control.reaction",
    "History": "gradwidget.record.history",
    "Layer": "gradwidget.frame",
    "Remedy": "gradwidget.diagnose.finding",
    "Symptom": "gradwidget.diagnose.finding",
    "Thresholds": "gradwidget.diagnose.thresholds",
}


def __getattr__(name: str) -> object:
    # Each name loads on first use: a headless script never imports a widget library, and a fresh
    # checkout without the built front end can still be imported.
    if name in _home:
        return getattr(import_module(_home[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
