"""A skip connection around layers that make everything alike."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def skip_connection() -> Remedy:
    """Says where to look; only a change of the model can do it."""
    return Remedy(
        title="Add a skip connection around each block",
        why="Look at what every input has to pass: each layer makes what comes out a little more "
        "alike, and a norm layer after it hides that. With x = x + block(norm(x)), which has no "
        "norm on the skip connection, what differs gets through. Where blocks must end in their "
        "norm, warm up the learning rate over the first steps.",
        code="",
    )
