"""Inspecting every layer at every step, in loops of every kind, changes no bit, and is true."""

from __future__ import annotations

import numpy as np
import pytest

import tests.awkward.loops  # noqa: F401  # registers every loop
from gradwidget import GradMonitor
from gradwidget.capture.inspect import inspector
from gradwidget.frame import Frame, Inspection
from tests.awkward.loop import LOOPS, Case
from tests.awkward.test_identity import bits, trained

IN_PARTS = "an_optimizer_in_the_backward"
"""Gradients of one layer are gone one by one there, so that a look finds the last of them alone,
and says so."""


@pytest.mark.parametrize("case", LOOPS.values(), ids=lambda case: case.name)
def test_looking_closely_changes_no_bit_and_agrees_with_the_figures_of_the_frame(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspector, "AGAIN", 0.0)
    optimizer = case.optimizers[0]
    loop = case.loop(optimizer)
    monitor = GradMonitor(loop.model, loop.named, budget=None)
    seen: list[Inspection] = []
    monitor._session.on_inspection.append(seen.append)
    asked: set[str] = set()

    def inspect_new() -> None:
        for layer in monitor.layers:
            if layer.name not in asked:
                asked.add(layer.name)
                monitor._session.inspect(layer.name)

    inspect_new()
    # Weights that no module is called for become rows of their own in the first step.
    monitor._session.on_frame.append(inspect_new)
    loop.run()
    monitor.close()
    assert seen
    assert monitor.problems == []
    after = [bits(tensor) for tensor in loop.state()]
    assert after == trained(case, optimizer, watched=False)[: len(after)]
    frames = {frame.step: frame for frame in monitor.history.recent_frames(64)}
    compared = 0
    for found in seen:
        if isinstance(found.gradient, str) or found.gradient.step is None:
            continue
        compared += 1
        says_so = case.name == IN_PARTS and "no gradient at hand" in found.gradient.note
        assert says_so or agrees(found, frames[found.gradient.step])
    assert compared, "no gradient was compared"


def agrees(found: Inspection, frame: Frame) -> bool:
    """Whether the gradient's extremes and zeros are those that were measured."""
    assert not isinstance(found.gradient, str)
    row = [layer.name for layer in frame.layers].index(found.layer)
    greatest = float(frame.metrics["grad_max_abs"][row])
    if np.isfinite(greatest) and max(-found.gradient.low, found.gradient.high) != pytest.approx(
        greatest, rel=1e-4
    ):
        return False
    share = found.gradient.zeros / found.gradient.total
    measured = frame.is_measured("grad_zero_fraction")[row]
    return not measured or share == pytest.approx(
        float(frame.metrics["grad_zero_fraction"][row]), abs=1e-6
    )
