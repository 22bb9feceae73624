"""Find where layers without a gradient are cut off from the loss."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names as words


def find_cut(names: Sequence[str]) -> Remedy:
    """Says where to look; only a change of ``forward`` can connect them."""
    return Remedy(
        title="Find where they are cut off",
        why=f"Look in forward() after {words(names)}: detach(), .data, .item(), numpy(), "
        "torch.no_grad(), argmax, a result that is overwritten or never used; or checkpoint() of "
        "inputs that need no gradient, where reentrant checkpointing ends the graph: "
        "pass use_reentrant=False.",
        code="",
    )
