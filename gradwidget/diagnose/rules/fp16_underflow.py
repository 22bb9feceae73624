"""Gradients lost below the smallest numbers of half precision.

fp16 ends at 2**-24 (arXiv 1710.03740). The rule asks for its fingerprints: every largest entry is a
number that fp16 can represent, many entries are exactly 0, and the others are within a few bits of
the end. Not reported: zeros from ReLU or unused rows at a usual scale, tiny gradients in fp32 or
bfloat16, which represent them.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.wording import names, shown


def fp16_underflow(window: Window, active: Finding | None) -> Detection | None:
    """Layers much of whose gradient has been rounded to zero."""
    del active  # the median of the window is stable enough
    if window.frame.wiring is not None and window.wiring.precision != "float16":
        return None
    return _nothing_left(window) or _part_lost(window)


def _nothing_left(window: Window) -> Detection | None:
    """Every gradient is exactly 0, even that of the output, although the loss is not 0."""
    zero, outputs = window.median("grad_zero_fraction"), window.median("act_grad_zero_fraction")
    reached = zero[~np.isnan(zero) & window.trainable]
    outputs = outputs[~np.isnan(outputs)]
    if not (reached.size and outputs.size and (reached == 1).all() and outputs[-1] == 1):
        return None
    if window.loss == 0:
        return None  # there was nothing to lose
    # Dead units near the output look the same, and so does a hinge loss that is satisfied.
    dead = window.median("act_dead_fraction")
    if "loss_scale" not in window.frame.scalars and not (
        window.loss_is_high and np.isfinite(window.loss)
    ):
        return None
    if np.any(dead > window.limits.dead_share):
        return None
    layers = tuple(layer.name for layer in window.layers[::-1] if layer.trainable)
    values, steps = window.series("grad_zero_fraction", int(np.flatnonzero(~np.isnan(zero))[-1]))
    return Detection(
        severity="critical",
        message=f"Every gradient is exactly 0 although the loss is {shown(window.loss)}: all "
        "were smaller than half precision can represent (6e-08).",
        layers=layers,
        first_step=holding_since(steps, values == 1),
        evidence={
            "value": 1.0,
            "bound": window.limits.underflow_share,
            "window": float(window.limits.window),
        },
        caveat="A loss that no longer depends on the output, such as a hinge loss that is "
        "satisfied, looks the same.",
    )


def _part_lost(window: Window) -> Detection | None:
    limits = window.limits
    # RMS of the entries that are not 0, at the scale of the backward pass.
    scale = window.frame.scalars.get("loss_scale", 1.0)
    zero = window.median("grad_zero_fraction")
    with np.errstate(invalid="ignore", divide="ignore"):
        size = window.median("grad_rms") * scale / np.sqrt(1 - zero)
    lost = (zero > limits.underflow_share) & (size < limits.underflow_size) & window.trainable
    lost &= _representable_in_half(window.latest("grad_max_abs", limits.window) * scale)
    # Where what is left elsewhere is that small, layers with nothing at all have lost it.
    left = size[size > 0]
    if window.wiring.precision == "float16" and left.min(initial=np.inf) < limits.underflow_size:
        dead = window.median("act_dead_fraction") > limits.dead_share
        lost |= (zero == 1) & window.trainable & ~dead
    if not lost.any():
        return None
    # The worst layer first, and since when it has been past the bound.
    affected = np.flatnonzero(lost)
    affected = affected[np.argsort(-zero[affected], kind="stable")]
    layers = tuple(window.layers[i].name for i in affected)
    worst = int(affected[0])
    values, steps = window.series("grad_zero_fraction", worst)
    return Detection(
        severity="warning",
        message=f"{zero[worst]:.0%} of the gradient entries of {names(layers)} are exactly 0 and "
        f"the rest are about {shown(float(size[worst]))}: half precision ends at 6e-08, and "
        "smaller entries are lost.",
        layers=layers,
        first_step=holding_since(steps, values > limits.underflow_share),
        evidence={
            "value": float(zero[worst]),
            "bound": limits.underflow_share,
            "window": float(limits.window),
            "size": float(size[worst]),
        },
        caveat="Some of the zeros may come from units that are off for the whole batch.",
    )


def _representable_in_half(largest: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Bool [layers]: whether there are values and fp16 can represent all of them exactly."""
    with np.errstate(over="ignore"):
        half = largest.astype(np.float16).astype(np.float64)
    known = ~np.isnan(largest)
    exact: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.all(
        (half == largest) | ~known, axis=0
    ) & known.any(axis=0)
    return exact
