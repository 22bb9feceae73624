"""Code that prints what modules get and give, on modules that get more than one tensor."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradwidget.diagnose.remedies.shared.printed_once import printed_once


class Pair(nn.Module):
    """Gets token numbers and an empty tensor beside what counts, and gives nothing to measure."""

    def forward(self, tokens: Tensor, empty: Tensor, x: Tensor) -> list[Tensor]:
        return [tokens, empty + x.sum()]


def test_the_first_tensor_with_numbers_is_measured_once(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Module()
    model.pair = Pair()
    calls = 'print_input("pair")\nprint_output("pair")\n'
    code = printed_once(calls, "most = part.max()", "at most {most:.3g}")
    exec(code, {"model": model, "torch": torch})  # noqa: S102  # our own code
    for _ in range(2):
        model.pair(torch.arange(3), torch.empty(0), torch.tensor([[1.0, 2.0]]))
    assert capsys.readouterr().out == "pair gets (1, 2): at most 2\n"
    assert not model.pair._forward_hooks
    assert not model.pair._forward_pre_hooks
