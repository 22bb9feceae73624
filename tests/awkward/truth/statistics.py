"""The statistics, spelled out with numpy in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Entries = NDArray[Any]

AFTER = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "elu": functional.elu,
    "leaky_relu": functional.leaky_relu,
}
SLOPE: dict[str | None, tuple[Callable[[Entries], Entries], float]] = {
    "tanh": (lambda y: 1 - y**2, 1.0),
    "sigmoid": (lambda y: y * (1 - y), 0.25),
}
"""Slope of a nonlinearity by what it gives, and its steepest."""
FLAT = 0.05
"""An output is saturated where the slope is under this share of the steepest."""

CHANNELS = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm)
"""Layers whose units are channels, at dimension 1."""


def rows(module: nn.Module, output: Tensor, follows: str | None) -> Entries:
    """What follows the layer, as [samples, units]."""
    wide = output.detach().to(torch.complex128 if output.is_complex() else torch.float64)
    if follows is not None:
        wide = AFTER[follows](wide)
    units_last = wide.movedim(1, -1) if isinstance(module, CHANNELS) and wide.ndim > 2 else wide
    return np.array(units_last.numpy()).reshape(-1, units_last.shape[-1] if units_last.ndim else 1)


def of_gradients(parts: list[Entries]) -> dict[str, float]:
    """Statistics of a layer's gradient; that it has none, if it has none."""
    if not parts:
        return {"grad_is_none": 1.0}
    every = np.abs(np.concatenate(parts))
    values = {"grad_is_none": 0.0, "grad_nonfinite": float((~np.isfinite(every)).sum())}
    if not every.size:
        return values
    with np.errstate(all="ignore"):
        return values | {
            "grad_norm": float(np.sqrt((every**2).sum())),
            "grad_rms": float(np.sqrt((every**2).mean())),
            "grad_mean_abs": float(every.mean()),
            "grad_max_abs": float(every.max()),
            "grad_zero_fraction": float((every == 0).mean()),
        }


def of_weights(parts: list[Entries]) -> dict[str, float]:
    """Statistics of a layer's weights."""
    every = np.abs(np.concatenate(parts))
    return {
        "weight_norm": float(np.sqrt((every**2).sum())),
        "weight_max_abs": float(every.max()) if every.size else 0.0,
        "weight_nonfinite": float((~np.isfinite(every)).sum()),
    }


def of_activations(calls: list[Entries], follows: str | None) -> dict[str, float]:
    """Statistics of a layer's activations over all calls of a step, each [samples, units]."""
    if not calls or not sum(call.size for call in calls):
        return {}
    every = np.abs(np.concatenate([call.reshape(-1) for call in calls]))
    values = {
        "act_rms": float(np.sqrt((every**2).mean())),
        "act_zero_fraction": float((every == 0).mean()),
        "act_nonfinite": float((~np.isfinite(every)).sum()),
    }
    if len({call.shape[1] for call in calls}) == 1:
        values["act_dead_fraction"] = float((np.concatenate(calls) == 0).all(axis=0).mean())
    if follows in SLOPE:
        slope, steepest = SLOPE[follows]
        values["act_saturated_fraction"] = float(
            (slope(np.concatenate(calls)) < FLAT * steepest).mean()
        )
    return values


def of_output_gradients(calls: list[Entries]) -> dict[str, float]:
    """Statistics of dL/d(output) over all calls of a step."""
    if not calls:
        return {}
    every = np.abs(np.concatenate(calls))
    return {
        "act_grad_rms": float(np.sqrt((every**2).mean())),
        "act_grad_norm": float(np.sqrt((every**2).sum())),
        "act_grad_zero_fraction": float((every == 0).mean()),
    }
