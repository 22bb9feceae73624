"""Take the softmax of an attention over what is attended to."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def attend_to_positions() -> Remedy:
    """Says where to look; only a change of ``forward`` can do it."""
    return Remedy(
        title="Take the softmax of the attention over the last dimension",
        why="Look for softmax with dim=0 between the two products: for scores [batch, queries, "
        "keys] it has to be scores.softmax(dim=-1), so that the weights of each query add up to 1 "
        "over the keys.",
        code="",
    )
