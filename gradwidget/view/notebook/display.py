"""What a notebook keeps of the picture: a hidden output before it, updated cell by cell."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from IPython import get_ipython
from IPython.display import DisplayHandle, display

from gradwidget.view.kernel.forked import FORKED, is_forked

Bundle = dict[str, Any]

REFRESH = 5.0
"""Seconds between two updates in the middle of a cell, for a notebook that is saved while it
trains."""


class NotebookDisplay:
    """Shows a widget and its last state, for a saved notebook that is read without the widget.

    The state comes first, for a notebook that is opened again: where the widget was, that then has
    an error. The widget's page hides it as long as the widget lives there. It is
    brought up to date when a cell ends and now and then before, not with every tick: only the last
    state is ever read.

    Args:
        content: makes the hidden output's content, ``text/html`` and ``text/plain``.
        version: changes when the content does.
        contain: told of a failure at the end of a cell, which must not end up in the reader's
            output.
    """

    def __init__(
        self,
        content: Callable[[], Bundle],
        *,
        version: Callable[[], object],
        contain: Callable[[str, Exception], None],
    ) -> None:
        self._content = content
        self._version = version
        self._contain = contain
        self._handles: list[DisplayHandle] = []
        self._written: object = None
        self._refreshed = time.monotonic()

    def show(self, widget: Bundle, metadata: Bundle) -> None:
        """Displays the hidden content, then the widget's own bundle.

        In a process that was forked from the kernel's, where no widget can live, it is the content
        alone, and why.
        """
        if is_forked():
            # Printed first: only who has printed can display anything there.
            print(FORKED, flush=True)  # noqa: T201  # for the reader of the cell
            self._show_content()
        else:
            self._show_content()
            display(widget, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]  # IPython is half annotated

    def _show_content(self) -> None:
        handle = display(self._content(), raw=True, display_id=True)  # type: ignore[no-untyped-call]  # IPython is half annotated
        shell = get_ipython()
        if handle is None or shell is None:
            return
        self._handles.append(handle)
        if len(self._handles) == 1:
            shell.events.register("post_run_cell", self._cell_ended)

    def close(self) -> None:
        """Brings the content up to date a last time and stops following."""
        if not self._handles:
            return
        self.update()
        self._handles.clear()
        get_ipython().events.unregister("post_run_cell", self._cell_ended)

    def update(self) -> None:
        """Brings the hidden content up to date where it has changed."""
        version = self._version()
        if not self._handles or version == self._written:
            return
        self._written = version
        content = self._content()
        for handle in self._handles:
            handle.update(content, raw=True)  # type: ignore[no-untyped-call]  # as above

    def refresh(self) -> None:
        """As ``update``, but at most every ``REFRESH`` seconds; for any thread."""
        if time.monotonic() - self._refreshed >= REFRESH:
            self._refreshed = time.monotonic()
            self.update()

    def _cell_ended(self, _result: object) -> None:
        try:
            self.update()
        except Exception as error:  # noqa: BLE001 - the reader's cell has ended well, whatever fails here
            self._contain("writing the state into the notebook", error)
