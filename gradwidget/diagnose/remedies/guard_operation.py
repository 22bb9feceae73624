"""Guard the operation that made the NaN."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names

_DIVISOR = (
    "A division by 0 is infinite, or NaN: x / n.clamp(min=1) for counts, x / (s + 1e-8) for sizes."
)
_LOGARITHM = (
    "log(0) is -inf, and 0 times -inf is NaN: p * p.clamp(min=1e-8).log(). Of a softmax "
    "log_softmax(logits, -1) is exact, and torch.distributions.Categorical(logits=logits).entropy()"
    " is finite where logits are masked with -inf."
)
_ROOT = "Below 0 a root is NaN, and at 0 its slope is infinite: sqrt(x.clamp(min=1e-8))."
_NORM = "At 0 a norm has no slope: (x.square().sum(-1) + 1e-8).sqrt()."
_SPREAD = (
    "Of one value std is NaN, and of equal ones its slope is infinite: "
    "(x.var(-1, correction=0) + 1e-8).sqrt()."
)
_ANGLE = (
    "Outside of -1 to 1 it is NaN, and at both its slope is infinite: x.clamp(-0.9999, 0.9999)."
)

GUARDS: dict[str, str] = {
    **dict.fromkeys(("log", "log2", "log10"), _LOGARITHM),
    "log1_p": "log1p(-1) is -inf, below it is NaN: log1p(x.clamp(min=-0.9999)).",
    "sqrt": _ROOT,
    "rsqrt": "It is infinite at 0 and NaN below: rsqrt(x.clamp(min=1e-8)).",
    "reciprocal": _DIVISOR,
    "div": _DIVISOR,
    "pow": "A power below 0 of 0 is infinite, a broken one of less than 0 is NaN, and below 1 its "
    "slope at 0 is infinite: x.clamp(min=1e-8) ** 0.5.",
    "exp": "It overflows from 89 on, in half precision from 12: 5 * tanh(x / 5) or "
    "x.clamp(max=20) before it.",
    "softmax": "It is NaN where a whole row is -inf, as where a mask hides every position of a "
    "sample (an empty sequence). Leave one open, as in mask[mask.all(-1)] = False, or mask with a "
    "finite number: scores.masked_fill(mask, torch.finfo(scores.dtype).min).",
    "mean": "A mean over nothing is NaN, as where a mask selects no entry: "
    "(x * mask).sum() / mask.sum().clamp(min=1).",
    "nll_loss": "The mean of a cross-entropy is NaN where every target of the batch is "
    'ignore_index: cross_entropy(logits, y, reduction="sum") / (y != -100).sum().clamp(min=1).',
    "acos": _ANGLE,
    "asin": _ANGLE,
    "linalg_vector_norm": _NORM,
    "norm": _NORM,
    "std": _SPREAD,
    "atan2": "At 0 and 0 it has no slope: atan2(y, x + 1e-8).",
}
"""What helps, by the operation in torch's words: as graphs have it, ``log1_p`` is ``log1p``."""
ONLY_FORWARD = frozenset({"softmax", "mean", "nll_loss", "exp", "pow", "log1_p"})
"""Those of them that lie in nearly every loss, or whose slope is finite where they are."""
HOLES = frozenset(GUARDS) - ONLY_FORWARD
"""Operations, in torch's words, with a place where they or their slopes are infinite."""
USUAL = frozenset({"div", "reciprocal"})
"""Those of them that most losses have, for a mean or a weight: that they are there tells little."""
SUSPECTS = HOLES - USUAL
"""Those of which it is likely that they have made a NaN, where nothing else is known."""


def guard_operation(where: str, has: Sequence[str] = (), known: str = "") -> Remedy:
    """Says where to look and what usually helps; only a change of the code can do it.

    Args:
        where: the place in words, such as ``"the loss"``.
        has: the operations there, in torch's words, as far as they are known.
        known: that which has made it, where this is known.
    """
    line = "torch.autograd.detect_anomaly() around one step names the line."
    suspects = [known] if known in GUARDS else [one for one in has if one in SUSPECTS]
    if suspects:
        what = names([_word(one) for one in suspects])
        guards = " ".join(dict.fromkeys(GUARDS[one] for one in suspects))
        return Remedy(
            title=f"Guard {what} in {where}",
            why=f"Look in {where} for {what}. {guards}{_of_exp(has, known)} {line}",
            code="",
        )
    holes = [one for one in has if one in HOLES]
    here = f" Of these there is {names(holes)}." if holes else ""
    return Remedy(
        title=f"Guard the operation in {where}",
        why=f"Look in {where} for sqrt, log, a division, a norm, pow or a mean over nothing: keep "
        f"their arguments away from 0, as in sqrt(x + 1e-8), x / n.clamp(min=1).{here}"
        f"{_of_exp(has, known)} {line}",
        code="",
    )


def _of_exp(has: Sequence[str], known: str) -> str:
    if "exp" not in has or known:
        return ""
    return " And exp: it overflows from 89 on, so bound what it is given, as in 5 * tanh(x / 5)."


def _word(one: str) -> str:
    """As it is called in code."""
    return {"log1_p": "log1p", "nll_loss": "cross_entropy", "linalg_vector_norm": "norm"}.get(
        one, one
    )
