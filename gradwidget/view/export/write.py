"""Writes a run into files: as a page, as an image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradwidget.diagnose.summary.layer_state import layer_states
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


def write_svg(path: str | os.PathLike[str], source: Source, model: str) -> None:
    """Writes the last state as an SVG image.

    Args:
        path: of the file.
        source: the run.
        model: class name of the model, for readers who do not see.

    Raises:
        OSError: the file cannot be written.
        ValueError: nothing was measured yet.
    """
    Path(path).write_text(_picture(source, model), encoding="utf-8", newline="\n")


def write_png(path: str | os.PathLike[str], source: Source, model: str) -> None:
    """Writes the same image as PNG, twice as large.

    Raises:
        ImportError: resvg-py is not installed.
        OSError: the file cannot be written.
        ValueError: nothing was measured yet.
    """
    try:
        from resvg_py import svg_to_bytes  # noqa: PLC0415  # nothing else here needs it
    except ImportError:
        message = "A PNG takes one package more: pip install resvg-py. An SVG takes none."
        raise ImportError(message) from None
    Path(path).write_bytes(bytes(svg_to_bytes(svg_string=_picture(source, model), zoom=2)))


def _picture(source: Source, model: str) -> str:
    with source.lock, np.errstate(all="ignore"):
        history, findings = source.history, source.findings
        if history.last is None:
            message = "nothing was measured yet: there is no picture before the first step"
            raise ValueError(message)
        picture = static_picture(history, findings, layer_states(history, findings))
    title = f"<title>{escape(f'The gradients of {visible(model)}, layer by layer')}</title>"
    head, bracket, rest = picture.partition(">")
    return head + bracket + title + rest
