"""Statistics of outputs are the same whether they were read as a whole, part by part, or beside
others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gradwidget.capture.model.nonlinearity import Nonlinearity
from gradwidget.capture.stats.norms import ALONE, PIECE
from gradwidget.capture.stats.output_stats import (
    ALIVE,
    NONFINITE,
    NONZERO,
    NORM,
    SATURATED,
    gradient_statistics,
    output_statistics,
)
from gradwidget.capture.stats.readback import Readback

RELU = Nonlinearity("relu", torch.relu)
TANH = Nonlinearity("tanh", torch.tanh, lambda y: y.abs() > 0.9)
SOFTMAX = Nonlinearity(
    "softmax", lambda x: x.softmax(-1), lambda y: y.amax(-1) > 0.9, pointwise=False
)

SHAPES = {
    "few": ((6, 10), -1),
    "just not alone": ((ALONE // 64, 64), -1),
    "large": ((5, 100, 300), -1),
    "channels": ((3, 7, 120, 130), -3),
    "one picture": ((1, 7, 200, 130), -3),
    "units alone": ((PIECE + 3,), -1),
    "a row larger than a piece": ((2, PIECE + 5), -1),
}


@pytest.mark.parametrize(
    "nonlinearity", [None, RELU, TANH, SOFTMAX], ids=["nothing", "relu", "tanh", "softmax"]
)
@pytest.mark.parametrize("name", SHAPES)
def test_statistics_agree_with_those_in_double_precision(
    name: str, nonlinearity: Nonlinearity | None
) -> None:
    shape, units = SHAPES[name]
    output = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    output.movedim(units, 0)[::3] = -30.0  # a third of the units, far in a flat
    statistics, alive = output_statistics(
        output[None], Readback(), units=units, nonlinearity=nonlinearity
    )

    truth = (
        output.double() if nonlinearity is None else nonlinearity.apply(output[None].double())[0]
    )
    expected = (truth.movedim(units, 0).reshape(shape[units], -1) != 0).any(1)
    assert statistics()[NORM, 0] == pytest.approx(float(truth.norm()), rel=1e-5)
    assert statistics()[NONZERO, 0] == pytest.approx(int(torch.count_nonzero(truth)), rel=1e-5)
    assert statistics()[NONFINITE, 0] == 0
    assert statistics()[ALIVE, 0] == pytest.approx(float(expected.double().mean()))
    assert alive()[0].tolist() == expected.double().tolist()
    if nonlinearity is None or nonlinearity.saturated is None:
        assert np.isnan(statistics()[SATURATED, 0])
    else:
        share = float(nonlinearity.saturated(truth[None]).double().mean())
        assert statistics()[SATURATED, 0] == pytest.approx(share, abs=1e-5)


@pytest.mark.parametrize("size", [1e-30, 1e25])
@pytest.mark.parametrize("shape", [(50,), (3, PIECE)], ids=["small", "large"])
def test_norms_of_very_small_and_very_large_entries_are_right(
    shape: tuple[int, ...], size: float
) -> None:
    entries = size * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    statistics, _ = output_statistics(entries[None], Readback(), units=-1, nonlinearity=None)
    slopes, _ = gradient_statistics(entries[None], Readback())
    truth = float(entries.double().norm())
    assert statistics()[NORM, 0] == pytest.approx(truth, rel=1e-4)
    assert slopes()[NORM, 0] == pytest.approx(truth, rel=1e-4)


@pytest.mark.parametrize("shape", [(50,), (3, PIECE)], ids=["small", "large"])
def test_entries_that_are_not_finite_are_counted(shape: tuple[int, ...]) -> None:
    entries = torch.zeros(shape)
    entries.view(-1)[[1, 7, 11]] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    statistics, _ = output_statistics(entries[None], Readback(), units=-1, nonlinearity=None)
    assert statistics()[NONFINITE, 0] == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_gradients_of_any_format_and_layout_are_read(dtype: torch.dtype) -> None:
    gradient: Tensor = torch.randn(400, 500, generator=torch.Generator().manual_seed(0)).to(dtype)
    gradient[::2] = 0
    for one in (gradient, gradient.T, gradient[:, ::2]):
        statistics, _ = gradient_statistics(one[None], Readback())
        assert statistics()[NORM, 0] == pytest.approx(float(one.double().norm()), rel=1e-4)
        assert statistics()[NONZERO, 0] == int(torch.count_nonzero(one))
