"""Use in ``forward`` what is never used there."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names as words


def use_or_remove(what: Sequence[str], *, are_layers: bool) -> Remedy:
    """Says what is missing; only a change of the model can do it.

    Args:
        what: names of the layers that are never called, or of the parameters that are never used.
        are_layers: which of the two they are.
    """
    verb = "Call" if are_layers else "Use"
    return Remedy(
        title=f"{verb} {words(list(what))} in forward(), or remove {_pronoun(what)}",
        why=f"Look in forward() for where {words(list(what))} should come in: a line that was left "
        "out, another attribute used in its place, a branch that is never taken.",
        code="",
    )


def _pronoun(what: Sequence[str]) -> str:
    return "it" if len(what) == 1 else "them"
