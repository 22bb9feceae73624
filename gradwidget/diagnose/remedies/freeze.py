"""Freeze layers that are not meant to be trained."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import listing


def freeze(names: Sequence[str]) -> Remedy:
    """Marks the layers as not trainable."""
    return Remedy(
        title="Freeze them if that is intended",
        why="Frozen parameters cost nothing, and a reader of the code sees that it is intended.",
        code=f"""\
for name in {listing(names)}:
    model.get_submodule(name).requires_grad_(False)
""",
    )
