"""The wiring agrees with what plain autograd leaves at the parameters, on every awkward loop."""

from __future__ import annotations

import pytest

import tests.awkward.loops  # noqa: F401  # registers every loop
from gradwidget import Frame
from tests.awkward.loop import LOOPS, Case
from tests.awkward.truth.agreement import watched

HIDDEN = {
    "checkpoints_reentrant": "the graph ends where a part begins that is run again",
    "accumulated_checkpoints_reentrant": "as above",
    "function_transforms": "there is no backward pass and no graph",
}
"""Loops of which the graph does not show all layers, and why."""


@pytest.mark.parametrize("case", LOOPS.values(), ids=lambda one: one.name)
def test_a_layer_with_a_gradient_leads_to_the_loss_and_no_other_does(case: Case) -> None:
    frames, _ = watched(case, case.optimizers[0])
    reached = {name for frame in frames for name, has in gradients(frame).items() if has}
    unreached = {name for frame in frames for name in gradients(frame)} - reached
    wiring = frames[-1].wiring
    if case.name not in HIDDEN:
        assert wiring is not None
        assert reached & {layer.name for layer in frames[-1].layers} <= set(wiring.feeds)
    if wiring is not None:
        assert not unreached & set(wiring.feeds)
        assert wiring.unregistered == ()


def gradients(frame: Frame) -> dict[str, bool]:
    """Whether each layer of an optimizer has a gradient."""
    measured = frame.is_measured("grad_is_none")
    return {
        layer.name: not frame.metrics["grad_is_none"][row]
        for row, layer in enumerate(frame.layers)
        if measured[row]
    }
