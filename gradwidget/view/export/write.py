"""Writes a run into files: as a page, as an image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import layer_states
from gradwidget.record.history import History
from gradwidget.view.export.page import html_page
from gradwidget.view.notebook.static_picture import static_picture
from gradwidget.view.updates import Source
from gradwidget.wording import visible

if TYPE_CHECKING:
    from gradwidget.control.control import Change


def write_page(
    path: str | os.PathLike[str], source: Source, model: str, changes: Sequence[Change] = ()
) -> None:
    """Writes the page of a run, as ``html_page`` makes it.

    Raises:
        OSError: the file cannot be written.
        FileNotFoundError: gradwidget was installed without its front end.
    """
    Path(path).write_text(html_page(source, model, changes), encoding="utf-8", newline="\n")


def write_picture(
    path: str | os.PathLike[str], model: str, history: History, findings: Sequence[Finding]
) -> None:
    """Writes the last state as an SVG image.

    Args:
        path: of the file.
        model: class name of the model, for readers who do not see.
        history: what was measured.
        findings: as ``Engine.findings`` gives them.

    Raises:
        OSError: the file cannot be written.
        ValueError: nothing was measured yet.
    """
    if history.last is None:
        message = "nothing was measured yet: there is no picture before the first step"
        raise ValueError(message)
    with np.errstate(all="ignore"):
        picture = static_picture(history, findings, layer_states(history, findings))
    title = f"<title>{escape(f'The gradients of {visible(model)}, layer by layer')}</title>"
    head, bracket, rest = picture.partition(">")
    Path(path).write_text(head + bracket + title + rest, encoding="utf-8", newline="\n")
