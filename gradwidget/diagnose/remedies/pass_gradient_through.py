"""Let the gradient pass a rounding as if there were none."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def pass_gradient_through(operation: str) -> Remedy:
    """Only a change of the code can do it.

    Args:
        operation: the rounding, in torch's words.
    """
    return Remedy(
        title=f"Pass the gradient straight through {operation}",
        why=f"Where x.{operation}() stands, x + (x.{operation}() - x).detach() gives the same "
        "values, and hands the gradient on as if nothing were rounded.",
        code="",
    )
