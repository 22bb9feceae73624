"""A line in the output of a running cell that its loop is paused, and how to go on."""

from __future__ import annotations

import threading
from typing import Any

from IPython import get_ipython
from IPython.display import DisplayHandle, display

from gradwidget.control.gate import Gate, GateState
from gradwidget.view.kernel.running import running_kernel
from gradwidget.wording import visible


class PausedLine:
    """Tells of a pause where the eyes are: below the cell that seems to hang.

    One line per run of a cell: it changes with every pause, and is empty while the loop runs.

    Args:
        name: of the model, as the picture is called.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._handle: DisplayHandle | None = None
        self._cell: object = None
        self._text = ""
        self._lock = threading.Lock()

    def follow(self, gate: Gate) -> None:
        """Brings the line up to date; for any thread.

        A line that is new comes from the one that is kept, so that it goes into the output of the
        cell which that runs.
        """
        with self._lock:
            self._follow(gate.state, is_paused_here=gate.is_paused_here)

    def _follow(self, state: GateState, *, is_paused_here: bool) -> None:
        text = self._words(state) if state.mode == "paused" else ""
        if text == self._text or running_kernel() is None:
            return
        cell = get_ipython().execution_count
        if text and is_paused_here and (self._handle is None or cell != self._cell):
            self._cell = cell
            self._handle = display(_bundle(text), raw=True, display_id=True)  # type: ignore[no-untyped-call]  # IPython is half annotated
        elif self._handle is not None:
            self._handle.update(_bundle(text), raw=True)  # type: ignore[no-untyped-call]  # as above
        else:
            return
        self._text = text

    def _words(self, state: GateState) -> str:
        why = f" ({visible(state.reason)})" if state.reason else ""
        return (
            f"❚❚ gradwidget has paused this loop after step {state.step or 0:,}{why}. To go on: "
            f"Resume in the picture of {visible(self._name)}, or its key p.\n"
            "Interrupting the kernel ends the cell."
        )


def _bundle(text: str) -> dict[str, Any]:
    return {"text/plain": text}
