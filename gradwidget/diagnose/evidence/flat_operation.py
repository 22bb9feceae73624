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
    """The first such operation from the loss down, in words; None where there is none."""
    outputs = window.median("act_rms")[window.paths.last]
    outputs = outputs[outputs >= 0]
    # Of a squash that has a slope where the outputs are, a zero comes from elsewhere.
    sloping = SQUASHES if outputs.size and outputs.max() < NEAR else frozenset()
    return next(
        (FLAT[one] for one in window.wiring.loss_path if one in FLAT.keys() - sloping), None
    )
