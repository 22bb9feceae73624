"""Hand the hidden state on with its graph."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names as words


def keep_state(names: Sequence[str]) -> Remedy:
    """Says where to look; only a change of ``forward`` can do it."""
    return Remedy(
        title="Give each time step the state with its graph",
        why=f"Look in forward() where the state of {words(names)} goes into the next time step: "
        "detach() or .data there cuts off all that came before. Detach it once a batch at most.",
        code="",
    )
