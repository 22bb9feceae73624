"""Guard the operation whose NaN is left out of the loss and not of its gradient."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.guard_operation import HOLES
from gradwidget.wording import names

CHOICE = frozenset({"where", "masked_fill", "index_put"})
"""Operations that put something else in the place of what is not wanted."""


def guard_before_choice(where: str, has: Sequence[str]) -> Remedy | None:
    """Says where to look; only a change of the code can do it. None where nothing is left out.

    Args:
        where: the place in words, such as ``"the loss"``.
        has: the operations there, in torch's words.
    """
    holes = [one for one in has if one in HOLES]
    choices = [one for one in has if one in CHOICE]
    if not holes or not choices:
        return None
    return Remedy(
        title=f"Guard {names(holes)} before {names(choices)} in {where}",
        why=f"Look in {where}: what {names(choices)} leaves out is not in the loss, but it is in "
        "the gradient: 0 times an infinite slope is NaN. Keep the argument away from where that "
        "is, for all entries, before the operation: sum / n.clamp(min=1) and not where(n > 0, "
        "sum / n, 0).",
        code="",
    )
