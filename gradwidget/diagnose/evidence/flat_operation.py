"""Operations with a slope of exactly 0 that lie between the last layers and the loss."""

from __future__ import annotations

from gradwidget.frame import Wiring

FLAT = {
    "clamp": "a clamp",
    "clamp_min": "a clamp",
    "clamp_max": "a clamp",
    "relu": "a ReLU",
    "threshold": "a threshold",
    "sigmoid": "a sigmoid",
    "tanh": "a tanh",
    "hardtanh": "a hard tanh",
    "hardsigmoid": "a hard sigmoid",
    "softmax": "a softmax",
    "sign": "a sign",
    "round": "a rounding",
    "floor": "a rounding",
}
"""Operations that have parts with a slope of exactly 0, and their names in a sentence."""


def flat_operation(wiring: Wiring) -> str | None:
    """The first such operation from the loss down, in words; None where there is none.

    Example:
        >>> flat_operation(Wiring(loss_path=("mean", "pow", "clamp", "sub")))
        'a clamp'
    """
    return next((FLAT[one] for one in wiring.loss_path if one in FLAT), None)
