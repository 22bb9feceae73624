"""Training that is spread over processes: no process waits for another on our account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.multiprocessing.spawn import spawn

from gradwidget import open_run
from gradwidget.capture.inspect.histogram import PART
from tests.awkward.processes import (
    COMPARED,
    LATE,
    OUTPUTS,
    WORLDS,
    network,
    outcome,
    outputs_of_part,
    train,
    trouble,
)

pytestmark = pytest.mark.slow


def outcomes(run: Callable[..., None], kind: str, folder: Path, world: int) -> list[Any]:
    """What each process has written down; None where it did not get there."""
    started = spawn(run, args=(kind, str(folder)), nprocs=world, join=False)
    for process in started.processes:
        process.join(120)
        assert process.exitcode is not None
    written = [folder / f"{rank}.json" for rank in range(world)]
    return [json.loads(one.read_text()) if one.exists() else None for one in written]


@pytest.mark.parametrize("kind", WORLDS)
def test_the_figures_are_those_of_one_process(tmp_path: Path, kind: str) -> None:
    alone, _ = outcome(network(), 0, 1, watched=True)
    found = outcomes(train, kind, tmp_path, WORLDS[kind])
    assert all(one["is_unchanged"] and one["problems"] == [] for one in found)
    judge, *others = found
    for name in (*COMPARED, "loss", "total_grad_norm"):
        np.testing.assert_allclose(judge[name], alone[name], rtol=1e-4, atol=1e-7, err_msg=name)
    part = outputs_of_part(1, WORLDS[kind]) if kind.startswith("replicated") else {}
    for name in OUTPUTS:
        measured, expected = np.array(judge[name]), np.array(alone[name])
        np.testing.assert_allclose(measured, expected, rtol=1e-4, atol=1e-12, err_msg=name)
        if name in part:
            np.testing.assert_allclose(others[0][name], part[name], rtol=1e-4, atol=1e-12)
    assert judge["reasons"] == {}
    said = " ".join(judge["report"].split())
    assert "inputs and histograms are rank 0's part" in said
    assert "are spread over the processes" not in said
    assert judge["findings"] == alone["findings"] == ["vanishing_gradients"]
    assert judge["ranks"] == list(range(WORLDS[kind]))
    # The others record what they have, and judge nothing.
    assert all(one["findings"] == [] for one in others)
    assert all(one["report"].startswith("Judged by rank 0") for one in others)


@pytest.mark.parametrize("kind", ["sharded by 2", "mesh"])
def test_histograms_of_a_sharded_layer_are_of_each_process_s_part(
    tmp_path: Path, kind: str
) -> None:
    alone, _ = outcome(network(), 0, 1, watched=True)
    found = [one["inspected"] for one in outcomes(train, kind, tmp_path, WORLDS[kind])]
    total, low, high, note = alone["inspected"]["weight"]
    assert note == ""
    totals, lows, highs, notes = zip(*(one["weight"] for one in found), strict=True)
    assert sum(totals) == total
    np.testing.assert_allclose([min(lows), max(highs)], [low, high], rtol=1e-4)
    assert sum(one["gradient"][0] for one in found) == total
    assert set(notes) == {one["gradient"][3] for one in found} == {PART}


def test_all_processes_sample_the_same_steps(tmp_path: Path) -> None:
    judge, other = outcomes(trouble, "agreed", tmp_path, 2)
    rare, others = ({step for step in one["steps"] if step >= 100} for one in (judge, other))
    assert len(rare) < 150
    # Each also samples some where it sees something itself: these are not agreed on.
    agreed = sorted(rare & others)
    assert max(np.diff([100, *agreed, 400])) <= 100
    together = {step for step, ranks in judge["told"] if ranks == [0, 1]}
    assert {step for step in rare & others if step in dict(judge["told"])} <= together


def test_one_that_does_not_watch_holds_up_nobody(tmp_path: Path) -> None:
    judge, _ = outcomes(trouble, "unwatched", tmp_path, 2)
    assert judge["error"] == ""
    assert judge["steps"] == list(range(30))
    assert judge["problems"] == []
    assert "Rank 1 of 2 does not watch this model" in judge["report"]


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The second process is late by seconds once, has a NaN later, and is slow from then on."""
    return outcomes(trouble, "late", tmp_path_factory.mktemp("late"), 2)


def test_one_that_is_late_holds_up_the_others_no_longer_than_it_would(late: list[Any]) -> None:
    judge, other = late
    assert judge["error"] == other["error"] == ""
    assert LATE <= judge["seconds"] < LATE + 10 * 0.2 + 10
    assert judge["steps"] == other["steps"] == list(range(30))
    assert all(ranks == [0, 1] for _, ranks in judge["told"])
    assert "the others wait for it" in judge["report"]


def test_the_process_with_the_first_nan_is_named(late: list[Any]) -> None:
    judge, _ = late
    assert judge["first"] == [1]
    assert "first not finite: step 20 (input)" in judge["report"]
    assert "bad_inputs" in judge["findings"]


@pytest.mark.parametrize("kind", ["killed", "killed sharded"])
def test_one_that_dies_leaves_the_others_as_they_were_without_a_monitor(
    tmp_path: Path, kind: str
) -> None:
    judge, other = outcomes(trouble, kind, tmp_path, 2)
    assert other is None
    # Of the pass in which gradients of both are added up, or weights put together.
    assert judge["error"]
    assert judge["closing"] < 5
    assert judge["steps"][:10] == list(range(10))


@pytest.mark.parametrize("count", [2, 4])
def test_the_example_for_torchrun_records_what_rank_0_has_of_all(
    tmp_path: Path, count: int
) -> None:
    example = Path(__file__).parents[2] / "examples" / "torchrun_ddp.py"
    run = tmp_path / "run.gw"
    launched = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            f"--nproc-per-node={count}",
            *(str(example), str(run)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(example.parents[1])},
    )
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.startswith("Vanishing gradients")
    assert f"loss are of {count} processes" in launched.stdout
    recorded = open_run(run)
    assert recorded.findings[0].symptom.value == "vanishing_gradients"
    assert [one.rank for one in recorded.ranks] == list(range(count))
