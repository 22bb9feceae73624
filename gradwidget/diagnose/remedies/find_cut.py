"""Find where layers without a gradient are cut off from the loss."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names as words


def find_cut(names: Sequence[str], *, in_turns: bool = False) -> Remedy:
    """Says where to look; only a change of ``forward`` or of the loop can connect them.

    Args:
        names: of the layers.
        in_turns: whether networks take turns, so that the loop hands on what one of them gives.
    """
    cuts = (
        "detach(), .data, .item(), numpy(), torch.no_grad(), argmax, a result that is overwritten "
        "or never used"
    )
    if in_turns:
        return Remedy(
            title="Find where they are cut off",
            why=f"In the turn of {words(names)}, what they give must not be detached: D(fake), "
            "where it is D(fake.detach()) in the other turn alone, and not where fake is made. "
            f"Look in the loop, and then in forward(), for what else cuts them off: {cuts}.",
            code="",
        )
    return Remedy(
        title="Find where they are cut off",
        why=f"Look in forward() after {words(names)}, and in the loop at what becomes of what they "
        f"give: {cuts}; or checkpoint() of inputs that need no gradient, where reentrant "
        "checkpointing ends the graph: pass use_reentrant=False.",
        code="",
    )
