"""Gradients lost below the smallest numbers of half precision.

fp16 ends at 2**-24 (arXiv 1710.03740). The rule asks for its finger-prints: every largest entry is a number that fp16
can hold, many entries are exactly 0, and the others lie within a few bits of the end. Look-alikes that stay silent:
zeros from ReLU or unused rows at a usual scale, tiny gradients in fp32 or bfloat16, which hold them exactly.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.sighting import Sighting
from gradwidget.diagnose.window import Floats, Window, holding_since
from gradwidget.diagnose.wording import figure, names


def fp16_underflow(window: Window, active: Finding | None) -> Sighting | None:
    """Layers much of whose gradient has been rounded to zero."""
    del active  # the median of the window is steady enough by itself
    limits = window.limits
    scale = window.frame.scalars.get("loss_scale", 1.0)
    zero = window.median("grad_zero_fraction")
    with np.errstate(invalid="ignore", divide="ignore"):
        size = window.median("grad_rms") * scale / np.sqrt(1 - zero)
    lost = (zero > limits.underflow_share) & (size < limits.underflow_size) & window.trainable
    lost &= _held_in_half(window.latest("grad_max_abs", limits.window) * scale)
    if not lost.any():
        return None
    affected = np.flatnonzero(lost)
    affected = affected[np.argsort(-zero[affected], kind="stable")]
    layers = tuple(window.layers[i].name for i in affected)
    worst = int(affected[0])
    values, steps = window.series("grad_zero_fraction", worst)
    return Sighting(
        severity="warning",
        message=f"{zero[worst]:.0%} of the gradient entries of {names(layers)} are exactly 0 and the rest are about "
        f"{figure(float(size[worst]))}: half precision ends at 6e-08, smaller ones are lost.",
        layers=layers,
        first_step=holding_since(steps, values > limits.underflow_share),
        evidence={
            "value": float(zero[worst]),
            "bound": limits.underflow_share,
            "window": float(limits.window),
            "size": float(size[worst]),
        },
        caveat="Part of the zeros may be units that are off for the whole batch.",
    )


def _held_in_half(largest: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Bool [layers]: whether every value, and there are some, is one that fp16 can hold exactly."""
    with np.errstate(over="ignore"):
        half = largest.astype(np.float16).astype(np.float64)
    known = ~np.isnan(largest)
    exact: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.all((half == largest) | ~known, axis=0) & known.any(axis=0)
    return exact
