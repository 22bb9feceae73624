"""The fix for recurrent layers that run over the samples, on real ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradwidget.diagnose.remedies.turn_batch_first import turn_batch_first
from gradwidget.frame import ROOT, Wiring


@pytest.mark.parametrize("layer", ["rnn", ROOT])
@pytest.mark.parametrize(("dimension", "flag"), [("0", True), ("1", False)])
def test_its_code_makes_the_layer_run_along_the_other_dimension(
    layer: str, dimension: str, *, flag: bool
) -> None:
    one = nn.GRU(3, 4, batch_first=not flag)
    model = one if layer == ROOT else nn.ModuleDict({"rnn": one})
    wiring = Wiring(obstacles={"recurs over samples": ("8", "[8, 8, 3]", dimension, layer)})
    x = torch.randn(8, 8, 3)
    right = one(x.transpose(0, 1))[0].transpose(0, 1)
    exec(turn_batch_first(wiring).code, {"model": model, "torch": torch})  # noqa: S102  # our own code
    torch.testing.assert_close(one(x)[0], right)
