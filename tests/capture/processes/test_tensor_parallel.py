"""Layers that tensor parallel divides, against plain autograd in one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.multiprocessing.spawn import spawn

from gradwidget.capture import unmeasured
from tests.capture.processes.tensor_parallel import FIGURES, alone, train

pytestmark = pytest.mark.slow

SUM = unmeasured.output(unmeasured.PARTIAL)


def outcomes(plan: str, world: int, folder: Path) -> list[Any]:
    """What each process has written down."""
    spawn(train, args=(plan, str(folder), world), nprocs=world)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(world)]


@pytest.mark.parametrize(
    ("plan", "world"),
    [
        ("columns", 2),
        ("columns", 4),
        ("positions", 2),
        ("positions", 4),
        ("gathered", 2),
        ("sums", 2),
    ],
)
def test_outputs_and_their_gradients_are_those_of_one_process(
    tmp_path: Path, plan: str, world: int
) -> None:
    judge, *others = outcomes(plan, world, tmp_path)
    assert all(one["is_unchanged"] and one["problems"] == [] for one in (judge, *others))
    without = {"down.0"} if plan == "sums" else set()
    truth = alone()
    # Some units live in one half of the columns, or in one half of the samples, alone.
    assert 0 < truth["act_dead_fraction"]["up.0"][0] < 1
    for figure in FIGURES:
        assert set(judge[figure]) == set(truth[figure])
        for layer, expected in truth[figure].items():
            if layer in without:
                assert np.isnan(judge[figure][layer]).all()
            else:
                np.testing.assert_allclose(
                    judge[figure][layer],
                    expected,
                    rtol=1e-4,
                    atol=1e-9,
                    err_msg=f"{figure} {layer}",
                )
    assert {layer for layer, why in judge["reasons"].items() if why == SUM} == without
    said = " ".join(judge["report"].split())
    assert ("Outputs of down.0 are spread over the processes" in said) == (plan == "sums")
