"""Take derivatives with a graph."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def keep_derivatives() -> Remedy:
    """Says what to add; only a person knows which derivatives the loss is made of."""
    return Remedy(
        title="Take the derivatives with create_graph=True",
        why="Each derivative that the loss is made of, and each that another one is taken of, "
        "needs a graph of its own: torch.autograd.grad(u, x, torch.ones_like(u), "
        "create_graph=True)[0]. Look at each call; derivatives that are only printed need none.",
        code="",
    )
