"""Use in ``forward`` what is never used there."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names as words


def use_or_remove_parts(what: Sequence[str], *, are_layers: bool) -> Remedy:
    """Says what is missing; only a change of the model can do it.

    Args:
        what: names of the layers that are never called, or of the parameters that are never used.
        are_layers: which of the two they are.
    """
    found = words(list(what))
    if are_layers:
        return Remedy(
            title=f"Call {found} in forward(), or remove {_pronoun(what)}",
            why=f"Look in forward() for where {found} should come in: a line that was left out, "
            "another attribute used in its place, a branch that is never taken.",
            code="",
        )
    return Remedy(
        title=f"Use {found} in forward() with a graph, or remove {_pronoun(what)}",
        why=f"Look in forward() for where {found} should come in: a line that was left out, or, "
        "between there and what forward() gives, torch.no_grad(), detach() or .data. Frozen layers "
        "need no no_grad(): under it nothing that comes before them is trained either.",
        code="",
    )


def _pronoun(what: Sequence[str]) -> str:
    return "it" if len(what) == 1 else "them"
