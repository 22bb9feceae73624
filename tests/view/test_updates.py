"""All of it for a page that opens, then only what is new."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.frame import Standing
from gradwidget.problem import Problem
from gradwidget.record.rank_log import Rank
from gradwidget.report.processes import Processes
from gradwidget.view.protocol.messages import Block, ProcessesInfo, RankInfo, Shown
from gradwidget.view.updates import Updates
from tests.support.fake_monitor import FakeMonitor, chain, frame

LAYERS = chain(4)


def steps_of(message: Shown, data: bytes) -> list[float]:
    block: Block = message["blocks"][0]
    steps: list[float] = np.frombuffer(data, np.float64, block["shape"][0]).tolist()
    return steps


def updates_of(monitor: FakeMonitor) -> Updates:
    return Updates(monitor, "Net", [])


def test_before_the_first_step_the_layers_are_already_shown() -> None:
    message, _ = updates_of(FakeMonitor(LAYERS)).snapshot()
    assert message["kind"] == "snapshot"
    assert [layer["name"] for layer in message["layers"]] == [
        "body.0",
        "body.1",
        "body.2",
        "body.3",
    ]
    assert message["states"] == ["not measured"] * 4
    assert message["status"]["verdict"] == "Waiting for the first step"
    assert message["status"]["step"] is None


def test_losses_without_a_frame_are_news() -> None:
    monitor = FakeMonitor(LAYERS)
    monitor.take(frame(0, LAYERS))
    updates = updates_of(monitor)
    updates.answer()
    monitor.history.losses.extend([1, 2, 3], [0.5, 0.25, 0.125])
    message, data = updates.update()
    assert message["kind"] == "delta"
    assert steps_of(message, data) == [1, 2, 3]
    assert message["status"]["step"] == 3
    assert updates.update()[0]["blocks"] == []


def test_until_a_page_asks_everything_comes_again_ever_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("gradwidget.view.updates.time.monotonic", lambda: now)
    monitor = FakeMonitor(LAYERS)
    updates = updates_of(monitor)
    updates.snapshot()
    whole = []
    for step in range(400):
        monitor.take(frame(step, LAYERS))
        now += 0.1
        if updates.update()[0]["kind"] == "snapshot":
            whole.append(round(now - 100))
    # The first is for the metrics, which only the first frame tells.
    assert whole == [0, 1, 3, 7, 15, 31]
    updates.answer()
    now += 1000
    assert updates.update()[0]["kind"] == "delta"


def test_bounds_and_findings_follow_the_thresholds_of_the_run() -> None:
    def shown(thresholds: Thresholds) -> tuple[list[str], list[float]]:
        """The symptoms, and the lower bound on the activation gradient."""
        monitor = FakeMonitor(LAYERS, thresholds)
        for step in range(20):
            monitor.take(frame(step, LAYERS, decay=0.03))  # 2.7e-5 over three layers
        message, _ = updates_of(monitor).snapshot()
        assert message["kind"] == "snapshot"
        bounds = {metric["name"]: metric["bounds"] for metric in message["metrics"]}
        return (
            [finding["symptom"] for finding in message["findings"]],
            [bound["value"] for bound in bounds["act_grad_rms"] if bound["state"] == "vanishing"],
        )

    assert shown(Thresholds()) == (["vanishing_gradients"], [3e-3])
    assert shown(Thresholds(vanishing_ratio=1e-6)) == ([], [1e-6])


def test_an_update_carries_only_the_columns_since_the_last_message() -> None:
    monitor = FakeMonitor(LAYERS)
    updates = updates_of(monitor)
    monitor.take(frame(0, LAYERS))
    updates.snapshot()
    monitor.take(frame(1, LAYERS))
    monitor.take(frame(2, LAYERS))
    message, data = updates.update()
    assert message["kind"] == "delta"
    assert steps_of(message, data) == [1, 2]


def test_what_has_not_changed_is_not_sent_again() -> None:
    monitor = FakeMonitor(LAYERS)
    updates = updates_of(monitor)
    monitor.take(frame(0, LAYERS))
    updates.snapshot()
    message, data = updates.update()
    assert message["kind"] == "delta"
    assert (message["states"], message["findings"], message["problems"]) == (None, None, None)
    assert (message["blocks"], data) == ([], b"")


def test_why_a_layer_is_not_measured_is_sent_when_it_changes_and_only_then() -> None:
    monitor = FakeMonitor(LAYERS)
    updates = updates_of(monitor)
    monitor.take(replace(frame(0, LAYERS), reasons={"body.1": "It runs in compiled code."}))
    assert updates.snapshot()[0]["reasons"] == [
        {"layer": "body.1", "text": "It runs in compiled code."}
    ]
    monitor.take(replace(frame(1, LAYERS), reasons={"body.1": "It runs in compiled code."}))
    assert updates.update()[0]["reasons"] is None
    monitor.take(replace(frame(2, LAYERS), reasons={"body.1": "It was not seen."}))
    assert updates.update()[0]["reasons"] == [{"layer": "body.1", "text": "It was not seen."}]


def test_what_processes_tell_is_sent_when_it_changes_and_only_then() -> None:
    monitor = FakeMonitor(LAYERS)
    updates = updates_of(monitor)
    monitor.take(frame(0, LAYERS))
    shown = updates.snapshot()[0]["processes"]
    assert shown == ProcessesInfo(summary="", notes=[], ranks=[], rest="")
    assert updates.update()[0]["processes"] is None
    ranks = [Rank(0, 0, 0.5, 0.012), Rank(1, 0, math.nan, math.nan, apart_since=0)]
    monitor.processes = Processes(Standing(notes=("Of 2.",)), ranks)
    assert updates.update()[0]["processes"] == ProcessesInfo(
        summary="2 processes · rank 1: other weights since step 0",
        notes=["Of 2."],
        ranks=[
            RankInfo(rank=0, loss="0.5", time="12 ms", remarks=""),
            RankInfo(rank=1, loss="nan", time="", remarks="other weights since step 0"),
        ],
        rest="",
    )
    assert updates.update()[0]["processes"] is None


def test_who_does_not_judge_says_who_does() -> None:
    monitor = FakeMonitor(LAYERS)
    monitor.processes = Processes(Standing(0, ("Rank 0 judges.",)))
    status = updates_of(monitor).snapshot()[0]["status"]
    assert status["verdict"] == "Judged by rank 0, for all processes"


def test_other_layers_bring_a_snapshot() -> None:
    monitor = FakeMonitor(LAYERS)
    updates = updates_of(monitor)
    monitor.take(frame(0, LAYERS))
    updates.snapshot()
    monitor.take(frame(1, chain(5)))
    message, _ = updates.update()
    assert message["kind"] == "snapshot"
    assert len(message["layers"]) == 5


def test_a_metric_that_appears_brings_a_snapshot() -> None:
    monitor = FakeMonitor(LAYERS)
    updates = updates_of(monitor)
    monitor.take(frame(0, LAYERS))
    updates.snapshot()
    first = frame(1, LAYERS)
    monitor.take(
        replace(first, metrics={**first.metrics, "update_ratio": np.full(4, 1e-3, np.float32)})
    )
    message, _ = updates.update()
    assert message["kind"] == "snapshot"
    assert "update_ratio" in [metric["name"] for metric in message["metrics"]]


def test_more_new_steps_than_the_history_keeps_one_by_one_bring_a_snapshot() -> None:
    monitor = FakeMonitor(LAYERS)
    updates = updates_of(monitor)
    monitor.take(frame(0, LAYERS))
    updates.snapshot()
    for step in range(1, monitor.history.kept + 2):
        monitor.history.append(frame(step, LAYERS))
    assert updates.update()[0]["kind"] == "snapshot"


def test_a_finding_travels_with_its_evidence_layers_and_remedies() -> None:
    monitor = FakeMonitor(chain(8))
    for step in range(60):
        monitor.take(frame(step, monitor.layers, decay=0.05))
    message, _ = updates_of(monitor).snapshot()
    assert message["kind"] == "snapshot"
    finding = message["findings"][0]
    assert finding["symptom"] == "vanishing_gradients"
    assert finding["state"] == "vanishing"
    assert finding["layers"][0] == "body.0"
    assert {number["name"] for number in finding["evidence"]} >= {"value", "bound", "window"}
    assert "body." in finding["remedies"][0]["code"]
    assert message["states"][0] == "vanishing"
    assert message["status"]["state"] == "vanishing"


def test_nan_and_infinity_never_reach_json() -> None:
    monitor = FakeMonitor(LAYERS)
    for step in range(10):
        monitor.take(frame(step, LAYERS, loss=float("nan")))
    message, _ = updates_of(monitor).snapshot()
    json.dumps(message, allow_nan=False)


def test_contained_failures_of_monitor_and_view_are_both_shown() -> None:
    monitor = FakeMonitor(LAYERS)
    monitor.problems.append(Problem("reading", "cannot read", "", 3))
    updates = Updates(monitor, "Net", [Problem("drawing", "cannot draw", "", 4)])
    message, _ = updates.snapshot()
    assert [problem["message"] for problem in message["problems"] or []] == [
        "cannot read",
        "cannot draw",
    ]
