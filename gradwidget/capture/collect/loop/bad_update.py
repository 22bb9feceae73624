"""Weights that an optimizer made NaN or infinite, of gradients that were finite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradwidget.capture.stats.per_layer import Column
from gradwidget.frame import Frame, Layer, NonfiniteOrigin


def find_bad_update(layers: Sequence[Layer], changes: Column | None) -> NonfiniteOrigin | None:
    """The first layer whose weights a step has moved to where they are not finite.

    Args:
        layers: rows of the column.
        changes: norms of the changes of the weights, in a step of which all else was finite; None
            where none was read.

    Returns:
        None where every change is finite.
    """
    if changes is None:
        return None
    rows = np.flatnonzero(changes.measured & ~np.isfinite(changes.values)).tolist()
    return NonfiniteOrigin("update", layers[rows[0]].name) if rows else None


class BadUpdate:
    """The weights have their NaN from the update as long as they have it, not from themselves.

    Example:
        >>> bad, origin = BadUpdate(), NonfiniteOrigin("update", "head")
        >>> first = bad.remembered(Frame(0, (), {}, origin=origin))
        >>> later = bad.remembered(Frame(1, (), {}, origin=NonfiniteOrigin("weights", "body")))
        >>> later.origin
        NonfiniteOrigin(phase='update', layer='head', operation='')
    """

    def __init__(self) -> None:
        self._known: NonfiniteOrigin | None = None

    def remembered(self, frame: Frame) -> Frame:
        """A frame with the update as its origin where an earlier one told of it.

        Args:
            frame: one after the other, in the order of their steps.
        """
        phase = None if frame.origin is None else frame.origin.phase
        if phase == "update":
            self._known = frame.origin
        elif phase != "weights":
            self._known = None
        elif self._known is not None:
            return replace(frame, origin=self._known)
        return frame
