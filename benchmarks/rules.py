"""What recording a frame and judging it costs.

200 layers, every statistic, 10,000 frames of history.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from time import perf_counter

import numpy as np

from gradwidget.diagnose.engine import Engine
from gradwidget.frame import Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.record.history import History

LAYERS, FRAMES = 200, 10_000
SIZES = {"log": 1.0, "share": 0.3, "count": 0.0, "flag": 0.0}
"""An unremarkable value of a metric of each scale."""

WHOLE = {"optimized_fraction": 1.0, "has_run": 1.0, "updates_lost_fraction": 0.0}
"""What every layer of a healthy run has."""


def healthy(count: int) -> Iterator[Frame]:
    """The frames of a run without a finding, one after the other and without an end.

    Args:
        count: of its layers.
    """
    shapes = {"weight": (64, 64), "bias": (64,)}
    layers = tuple(Layer(f"layer{i}", "Linear", shapes, activation="relu") for i in range(count))
    random = np.random.default_rng(0)
    steps = [
        {
            name: (SIZES[m.scale] * random.lognormal(0, 0.3, count)).astype(np.float32)
            for name, m in METRICS.items()
        }
        for _ in range(50)
    ]
    for step in steps:
        step["update_ratio"] *= np.float32(1e-3)
        step["matrix_change"] = step["update_ratio"] * step["matrix_norm"]
        step |= {name: np.full(count, value, np.float32) for name, value in WHOLE.items()}
    for number in itertools.count():
        scalars = {"loss": 2.0 / (1 + number / 100) + 0.1 * random.random(), "lr": 0.1}
        yield Frame(number, layers, steps[number % len(steps)], scalars=scalars)


def costs() -> tuple[float, float]:
    """Milliseconds per frame for recording and for judging, the medians over all frames."""
    history, engine = History(), Engine()
    spent = np.empty((FRAMES, 2))
    for number, frame in enumerate(itertools.islice(healthy(LAYERS), FRAMES)):
        begin = perf_counter()
        history.append(frame)
        middle = perf_counter()
        engine.update(history)
        spent[number] = middle - begin, perf_counter() - middle
    record, judge = np.median(spent, axis=0) * 1e3
    assert not engine.findings, "a healthy history must stay without a finding"
    return float(record), float(judge)


def main() -> None:
    """Prints the numbers."""
    record, judge = costs()
    costs_each = f"recording {record:.2f} ms per frame, all rules {judge:.2f} ms (bound 2 ms)"
    print(f"{LAYERS} layers, {FRAMES:,} frames: {costs_each}")


if __name__ == "__main__":
    main()
