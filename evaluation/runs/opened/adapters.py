"""Low-rank adapters on a frozen model (LoRA, arXiv 2106.09685)."""

from __future__ import annotations

from evaluation.runs.causes.adapters import adapted_language, adapted_mlp, adapters, tuned
from evaluation.runs.data import digits
from evaluation.runs.loop import supervised
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(150, cause="zero_gradient", zero_gradient="*")
def transformer_adapters_both_zero(c: Conditions) -> Training:
    """Both factors of every adapter start at 0, in a language model."""
    return tuned(c, adapted_language(c, every_layer=True, drawn=not c.sick), 1e-2)


@sick(150, cause="lr_too_high", lr_too_high="")
def mlp_adapters_too_fast(c: Conditions) -> Training:
    """Adapters with a hundredfold scale, on a rate that is a hundred times too high."""
    model = adapted_mlp(c, rank=8)
    rate = 0.5 if c.sick else 5e-3
    return supervised(c, model, c.adam(model, rate), digits(c), chain=adapters(model))


@healthy(150)
def transformer_adapters_everywhere(c: Conditions) -> Training:
    """Adapters of rank 1 on every linear layer, at a constant rate."""
    return tuned(c, adapted_language(c, every_layer=True, rank=1), 1e-2)


@healthy(180)
def mlp_adapters_scaled(c: Conditions) -> Training:
    """Adapters with a scale of 16, and so a rate eight times lower."""
    model = adapted_mlp(c, rank=8, scale=16.0)
    return supervised(c, model, c.adam(model, 1e-3), digits(c), chain=adapters(model))
