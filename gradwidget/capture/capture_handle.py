"""A capture as others hold it: neither torch's hooks nor what is kept may keep it alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import ref

from gradwidget.action import Action, Applied

if TYPE_CHECKING:
    from gradwidget.capture.capture import Capture

NOT_WATCHED = "Nothing is watched any more."


class CaptureHandle:
    """Holds a capture weakly once there is one."""

    def __init__(self) -> None:
        self._capture: Callable[[], Capture | None] = lambda: None

    def hold(self, capture: Capture) -> None:
        """Holds this one from now on."""
        self._capture = ref(capture)

    def actuate(self, action: Action) -> Applied:
        """Changes the loop, and samples the next steps: whether it helps is what one wants to know.

        Raises:
            ValueError: nothing is watched any more, or the action is refused.
        """
        capture = self._capture()
        if capture is None:
            raise ValueError(NOT_WATCHED)
        applied = capture.actuator.apply(action)
        self._sample_more()

        def undo() -> None:
            applied.undo()
            self._sample_more()

        return Applied(undo, applied.text)

    def _sample_more(self) -> None:
        capture = self._capture()
        if capture is not None:
            capture.sample_more(series=True, watch=True)

    def inspect_now(self, layer: str) -> None:
        """Inspects a layer, on the training thread."""
        capture = self._capture()
        if capture is not None:
            capture.cycle.inspector.inspect_now(layer)

    def close(self) -> None:
        """Watches no longer."""
        capture = self._capture()
        if capture is not None:
            capture.close()
