"""Operations with a slope of exactly 0 that lie between the last layers and the loss."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window

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


SQUASHES = frozenset({"sigmoid", "tanh", "softmax"})
"""Those of them whose slope is exactly 0 only far from 0."""
NEAR = 2.0
"""RMS of the last outputs below which squashes have a slope: tanh is 1 to the last bit from 9."""


def flat_operation(window: Window) -> str | None:
    """The first such operation from the loss down, in words; None where there is none.

    One that has a slope where the outputs are comes after the others.
    """
    outputs = window.median("act_rms")[window.paths.last]
    outputs = outputs[outputs >= 0]
    sloping = frozenset[str]()
    if outputs.size and outputs.max() < NEAR:
        # Of a squash that has a slope where the outputs are, a zero comes from elsewhere. What is
        # measured of a layer that has one of its own is what comes out of that.
        last = zip(window.layers, window.paths.last, strict=True)
        sloping = SQUASHES - {layer.activation for layer, is_last in last if is_last}
    flat = [one for one in window.wiring.loss_path if one in FLAT]
    # The first of all where there is no other: a factor may lie between.
    return next((FLAT[one] for one in flat if one not in sloping), FLAT[flat[0]] if flat else None)
