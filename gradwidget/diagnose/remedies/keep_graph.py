"""Keep the loss connected to the model."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def keep_graph() -> Remedy:
    """Says where the connection is usually lost; only a change of the loop can do it."""
    return Remedy(
        title="Call backward() on the loss itself",
        why="Look at how the loss gets from the criterion to backward(): torch.tensor(loss), "
        ".item(), .detach(), .numpy(), argmax() and torch.no_grad() cut it off from the model.",
        code="",
    )
