"""Guard the operation that made the NaN."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names

HOLES = frozenset(
    {"div", "sqrt", "rsqrt", "reciprocal", "log", "log2", "log10", "linalg_vector_norm", "norm"}
    | {"std", "acos", "asin", "atan2"}
)
"""Operations, in torch's words, with a place where they or their slopes are infinite."""


def guard_operation(where: str, has: Sequence[str] = ()) -> Remedy:
    """Says where to look and what usually helps; only a change of the code can do it.

    Args:
        where: the place in words, such as ``"the loss"``.
        has: the operations there, in torch's words, as far as they are known.
    """
    holes = [one for one in has if one in HOLES]
    here = f" Of these there is {names(holes)}." if holes else ""
    if "exp" in has:
        here += (
            " And exp: it overflows from 89 on, so bound what it is given, as in 5 * tanh(x / 5)."
        )
    return Remedy(
        title=f"Guard the operation in {where}",
        why=f"Look in {where} for sqrt, log, a division, a norm, pow or a mean over nothing: keep "
        f"their arguments away from 0, as in sqrt(x + 1e-8), x / n.clamp(min=1).{here} "
        "torch.autograd.detect_anomaly() around one step names the line.",
        code="",
    )
