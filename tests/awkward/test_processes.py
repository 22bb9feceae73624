"""Training that is spread over processes: no process waits for another on our account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch.multiprocessing.spawn import spawn

from tests.awkward.processes import WORLD, train

pytestmark = pytest.mark.slow


def outcomes(kind: str, folder: Path, *, watched: bool) -> list[Any]:
    """What each process wrote down."""
    spawn(train, args=(kind, watched, str(folder)), nprocs=WORLD)
    return [
        json.loads((folder / f"{kind}{watched}{rank}.json").read_text()) for rank in range(WORLD)
    ]


def test_a_replicated_model_is_measured_in_each_process(tmp_path: Path) -> None:
    plain, seen = (outcomes("replicated", tmp_path, watched=watched) for watched in (False, True))
    for one, other in zip(plain, seen, strict=True):
        assert other["weights"] == one["weights"]
        assert other["problems"] == []
        assert other["steps"] == 4
        assert {"grad_norm", "act_rms", "update_ratio"} <= set(other["measured"])
    assert seen[0]["total"] == pytest.approx(
        seen[1]["total"]
    )  # averaged over the processes before the step


def test_of_a_sharded_model_it_is_said_why_its_parameters_are_not_measured(tmp_path: Path) -> None:
    plain, seen = (outcomes("sharded", tmp_path, watched=watched) for watched in (False, True))
    for one, other in zip(plain, seen, strict=True):
        assert other["weights"] == one["weights"]
        assert other["problems"] == []
        assert not any(name.startswith(("grad", "weight", "update")) for name in other["measured"])
        assert other["total"] is None
        assert all("sharded" in other["reasons"][name] for name in ("0", "2", "4"))
