from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed._tensor.placement_types import Partial  # without the _ from 2.5 on

from gradwidget.capture.guard import Guard
from gradwidget.capture.hooks.finished_outputs import FinishedOutputs


class DTensor(Tensor):
    """As torch's, as far as it is looked at."""

    placements = (Partial(),)


class Divided(nn.Module):
    """It gives a sum over processes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2).as_subclass(DTensor))

    def forward(self, _given: Tensor) -> Tensor:
        """What is to be added up."""
        return torch.ones(2).as_subclass(DTensor)


def divided() -> Divided:
    """A layer that adds up in a hook what it has given."""
    layer = Divided()
    layer.register_forward_hook(lambda *_: torch.full((2,), 2.0))
    return layer


def watched() -> tuple[FinishedOutputs, list[Any]]:
    """What it hands on."""
    found: list[Any] = []
    return FinishedOutputs(Guard(), lambda *given: found.append(given)), found


def test_what_the_hooks_of_a_layer_make_of_its_output_is_handed_on_once() -> None:
    layer = divided()
    finished, found = watched()
    finished.about_to_run(layer)
    # A hook on every module comes before those of the layer.
    assert finished.is_to_come(layer, layer.forward(torch.ones(2)))
    layer(torch.ones(2))
    layer(torch.ones(2))
    assert [one[0] for one in found] == [layer]
    assert found[0][3].tolist() == [2, 2]
    assert len(layer._forward_hooks) == 1


def test_an_output_that_is_no_sum_is_not() -> None:
    layer = divided()
    finished, found = watched()
    finished.about_to_run(layer)
    assert not finished.is_to_come(layer, torch.ones(2))
    layer(torch.ones(2))
    assert found == []


def test_an_ordinary_layer_gets_no_hook() -> None:
    layer = nn.Linear(2, 2)
    finished, _ = watched()
    finished.about_to_run(layer)
    assert not layer._forward_hooks
    assert not finished.is_to_come(layer, torch.ones(2))


def test_a_call_that_fails_leaves_no_hook_behind() -> None:
    layer = divided()
    finished, found = watched()
    finished.about_to_run(layer)  # it never returns
    finished.about_to_run(layer)
    assert len(layer._forward_hooks) == 2
    finished.clear()
    assert len(layer._forward_hooks) == 1
    layer(torch.ones(2))
    assert found == []
