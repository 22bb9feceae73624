"""Two remedies at once, where either alone leaves half of the cause."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def join_remedies(first: Remedy | None, second: Remedy) -> Remedy:
    """The one and then the other; the second alone where there is no first."""
    if first is None:
        return second
    return Remedy(
        title=f"{first.title}, and {second.title[0].lower()}{second.title[1:]}",
        why=f"{first.why} {second.why}",
        code=first.code + second.code,
    )
