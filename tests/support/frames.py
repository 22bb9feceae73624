"""Hand-made frames and histories for tests of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.frame import Frame, Layer, NonfiniteOrigin
from gradwidget.record.history import History


def chain(depth: int, activation: str | None = "relu", width: int = 16) -> tuple[Layer, ...]:
    """Layers of a plain chain named fc0, fc1 …"""
    shapes = {"weight": (width, width), "bias": (width,)}
    last = depth - 1
    return tuple(
        Layer(f"fc{i}", "Linear", shapes, activation=activation if i < last else None)
        for i in range(depth)
    )


def healthy(depth: int, **changes: Any) -> dict[str, Any]:
    """The metrics and scalars of an unremarkable step; what is given replaces or adds to them."""
    values: dict[str, Any] = {
        "grad_norm": np.full(depth, 0.16),
        "grad_rms": np.full(depth, 0.01),
        "grad_nonfinite": np.zeros(depth),
        "weight_norm": np.full(depth, 4.0),
        "matrix_norm": np.full(depth, 4.0),
        "weight_nonfinite": np.zeros(depth),
        "update_ratio": np.full(depth, 1e-3),
        "act_rms": np.ones(depth),
        "act_dead_fraction": np.zeros(depth),
        "act_saturated_fraction": np.zeros(depth),
        "act_grad_rms": np.full(depth, 0.01),
        "act_grad_norm": np.full(depth, 0.3),
        "grad_is_none": np.zeros(depth),
        "scalars": {"lr": 0.1, "total_grad_norm": 0.16 * depth**0.5},
    }
    scalars = {**values["scalars"], **changes.pop("scalars", {})}
    return {**values, **changes, "scalars": scalars}


def moving(
    depth: int, update: float | np.ndarray[Any, Any], loss: float = 2.0, **scalars: float
) -> dict[str, Any]:
    """A step that changes the weights of each layer by ``update`` of their size."""
    return healthy(
        depth, update_ratio=np.broadcast_to(update, depth), scalars={"loss": loss, **scalars}
    )


def frame(step: int, layers: Sequence[Layer], values: Mapping[str, Any]) -> Frame:
    metrics = {
        name: np.asarray(value, np.float32) for name, value in values.items() if name not in _WHOLE
    }
    if "update_ratio" in metrics and "matrix_norm" in metrics:
        metrics.setdefault("matrix_change", metrics["update_ratio"] * metrics["matrix_norm"])
    return Frame(
        step,
        tuple(layers),
        metrics,
        measured=values.get("measured", {}),
        scalars=values.get("scalars", {}),
        skipped=values.get("skipped", False),
        origin=values.get("origin"),
        wiring=values.get("wiring"),
    )


_WHOLE = {"scalars", "measured", "skipped", "origin", "wiring"}


Values = Mapping[str, Any]


def judge(
    steps: int | Iterable[int], layers: Sequence[Layer], values: Callable[[int], Values] | Values
) -> tuple[Engine, History]:
    """Runs the engine over hand-made steps.

    Args:
        steps: how many, or which.
        layers: of every frame.
        values: the values of a step, or a function that gives them.
    """
    history, engine = History(), Engine()
    layers = tuple(layers)
    for step in range(steps) if isinstance(steps, int) else steps:
        now = values(step) if callable(values) else values
        # A run that learns, unless the values say otherwise: then a plateau is no part of what is
        # tested.
        scalars = {"loss": 2.0 * 0.98**step, **now["scalars"]}
        history.append(frame(step, layers, {**now, "scalars": scalars}))
        engine.update(history)
    return engine, history


def found(engine: Engine) -> set[Symptom]:
    """What was ever found."""
    return {finding.symptom for finding in engine.findings}


def only(engine: Engine) -> Finding:
    """The single finding that there must be."""
    assert len(engine.findings) == 1, [str(finding.symptom) for finding in engine.findings]
    return engine.findings[0]


def origin(phase: str, layer: str | None = None, operation: str = "") -> NonfiniteOrigin:
    return NonfiniteOrigin(phase, layer, operation)
