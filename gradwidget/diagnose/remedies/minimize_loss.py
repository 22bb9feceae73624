"""Descend the loss instead of climbing it."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names


def minimize_loss(player: Sequence[str], *, maximizes: bool) -> Remedy:
    """Has the optimizer minimize; where it does already, says where to look for the sign.

    Args:
        player: layers of the player of a game that climbs; empty where there is no game.
        maximizes: whether the optimizer is set to maximize.
    """
    if player:
        return Remedy(
            title="Flip the sign of this network's loss",
            why=f"Look at the loss that trains {names(player)}, and for a gradient that is given "
            "to backward(): the sign has to be the opposite of that in the loss of its critic or "
            "discriminator. A critic that minimizes D(fake) - D(real) wants a generator that "
            "minimizes -D(fake).",
            code="",
        )
    if maximizes:
        return Remedy(
            title="Minimize the loss: maximize=False",
            why="The optimizer was made with maximize=True, which is for rewards.",
            code="""\
for group in optimizer.param_groups:
    group["maximize"] = False
""",
        )
    return Remedy(
        title="Look at the sign of the loss",
        why="Look for a minus too many or too few where the loss is made: an error is minimized as "
        "it is, a log-likelihood or a reward with a minus before it, and only once. A lower "
        "learning rate takes longer to the same end.",
        code="",
    )
