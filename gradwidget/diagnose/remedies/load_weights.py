"""Give frozen layers weights that are worth keeping, or train them."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names as words


def load_weights(names: Sequence[str]) -> Remedy:
    """Says where to look; only a person who has the weights can load them."""
    return Remedy(
        title="Load the weights of the frozen layers, or train them",
        why=f"What comes out of {words(names)} hardly differs between the inputs of a batch, and "
        "they are not trained: check that their weights were loaded before they were frozen.",
        code="",
    )
