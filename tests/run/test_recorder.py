"""Recording never disturbs the training, and loses at most what was not flushed yet."""

from __future__ import annotations

import gc
import os
import random
import re
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gradwidget import GradMonitor, GradWidget, open_run
from gradwidget.run import recorder
from gradwidget.run.recording import Recording
from gradwidget.run.run import Run
from tests.support.recording.recorded import Recorded, assert_same_history, steps
from tests.support.recording.recording_process import (
    Said,
    findings_said,
    loss_of,
    recording_process,
    said_of,
)

RECORDER = "gradwidget-recorder"


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))


def train(model: nn.Module, count: int = 20) -> list[float]:
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = model(torch.randn(16, 8)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def weights(model: nn.Module) -> bytes:
    return b"".join(one.detach().numpy().tobytes() for one in model.parameters())


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == RECORDER]


def test_a_recorded_training_is_bit_for_bit_the_one_that_is_not(tmp_path: Path) -> None:
    bare = network()
    losses = train(bare)
    model = network()
    with GradMonitor(model, run_file=tmp_path / "run.gw"):
        assert train(model) == losses
    assert weights(model) == weights(bare)


def test_a_widget_records_too(tmp_path: Path) -> None:
    model = network()
    with GradWidget(model, budget=None, run_file=tmp_path / "run.gw") as widget:
        train(model)
    assert_same_history(open_run(tmp_path / "run.gw").history, widget.history)


def test_the_thread_ends_with_the_monitor(tmp_path: Path) -> None:
    before = len(writers())
    model = network()
    with GradMonitor(model, run_file=tmp_path / "run.gw"):
        assert len(writers()) == before + 1
    assert len(writers()) == before


def test_the_thread_of_a_monitor_that_was_dropped_ends(tmp_path: Path) -> None:
    model = network()
    GradMonitor(model, run_file=tmp_path / "run.gw")
    gc.collect()
    for thread in writers():
        thread.join(10)
        assert not thread.is_alive()
    assert open_run(tmp_path / "run.gw").closed


def test_the_file_is_closed_once_the_model_is_gone(tmp_path: Path) -> None:
    model = network()
    monitor = GradMonitor(model, budget=None, run_file=tmp_path / "run.gw")
    train(model)
    del model
    gc.collect()
    for thread in writers():
        thread.join(10)
    run = open_run(tmp_path / "run.gw")
    assert run.closed
    assert run.history.version == monitor.history.version


# ---------------------------------------------------------------- disks that fail


class FullDisk:
    """Lets so many bytes through, then there is no space left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self._room = room
        self._write = os.write
        monkeypatch.setattr("gradwidget.run.format.file_writer.os.write", self)

    def __call__(self, descriptor: int, data: Any) -> int:
        if len(data) > self._room:
            raise OSError(28, "No space left on device")
        self._room -= len(data)
        return self._write(descriptor, data)


@pytest.mark.parametrize("room", [12_000, 20_000])
def test_a_full_disk_stops_the_recording_and_not_the_training(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.02)
    losses = train(network(), 60)
    FullDisk(monkeypatch, room)
    model = network()
    with GradMonitor(model, budget=None, run_file=tmp_path / "run.gw") as monitor:
        assert train(model, 60) == losses
        monitor.close()
    assert monitor.history.version == 60
    assert [problem.where for problem in monitor.problems] == ["recording the run"]
    message = monitor.problems[0].message
    assert message.startswith("Recording stopped at step ")
    assert message.endswith(": No space left on device")
    assert message in monitor.report().replace("\n", " ")
    assert open_run(tmp_path / "run.gw").history.version < 60


def test_the_very_first_write_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FullDisk(monkeypatch, 0)
    model = network()
    with GradMonitor(model, run_file=tmp_path / "run.gw") as monitor:
        train(model)
    assert "No space left on device" in monitor.problems[0].message


def test_a_folder_that_is_not_there_is_a_problem_and_no_error(tmp_path: Path) -> None:
    model = network()
    with GradMonitor(model, run_file=tmp_path / "missing" / "run.gw") as monitor:
        train(model)
    assert [problem.message for problem in monitor.problems] == [
        f"Nothing is recorded: {tmp_path / 'missing' / 'run.gw'}: No such file or directory"
    ]


def test_a_folder_that_may_not_be_written_is_a_problem_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # root may write everywhere, so the system is made to say it
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gradwidget.run.format.file_writer.os.open", refuse)
    model = network()
    with GradMonitor(model, run_file=tmp_path / "run.gw") as monitor:
        train(model)
    assert "Permission denied" in monitor.problems[0].message


def test_a_file_deleted_meanwhile_stops_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.02)
    live = Recorded(tmp_path / "run.gw").take(steps(3))
    (tmp_path / "run.gw").unlink()
    live.take(steps(3, start=3)).close()
    (why,) = live.stopped
    assert re.fullmatch(r"Recording stopped at step [2-5]: the file was deleted", why)


def test_a_failure_of_our_own_stops_the_recording_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Recording, "add", fail)
    model = network()
    with GradMonitor(model, budget=None, run_file=tmp_path / "run.gw") as monitor:
        train(model)
        monitor.close()
    assert "ZeroDivisionError" in monitor.problems[0].message
    assert monitor.history.version == 20


def test_where_the_disk_is_slow_frames_wait_without_their_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 1)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 60.0)
    live = Recorded(tmp_path / "run.gw").take(steps(50)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.history.version == live.history.version
    assert [bool(frame.metrics) for frame in run.history.recent_frames(50)] == [True] + [False] * 49


def test_where_the_disk_stands_still_recording_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_FRAMES_WAITING", 10)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 60.0)
    live = Recorded(tmp_path / "run.gw").take(steps(30)).close()
    assert live.stopped == ["Recording stopped at step 10: the disk is too slow"]
    assert open_run(tmp_path / "run.gw").history.version == 10


def test_a_very_long_run_keeps_the_layers_of_fewer_and_fewer_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradwidget.run.recording.FULL_UNTIL", 0)
    monkeypatch.setattr("gradwidget.run.recording.FULL_STEP", 2**40)
    live = Recorded(tmp_path / "run.gw").take(steps(40)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.history.version == live.history.version
    assert sum(bool(frame.metrics) for frame in run.history.recent_frames(40)) == 20
    assert run.findings == live.engine.findings


# ---------------------------------------------------------------- processes

CHILD = """
import sys, torch
from torch import nn
from gradwidget import GradMonitor
torch.set_num_threads(1)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
monitor = GradMonitor(model, budget=None, run_file=sys.argv[1])
print("ready", flush=True)
for step in range(int(sys.argv[2])):
    optimizer.zero_grad()
    model(torch.randn(16, 8)).square().mean().backward()
    optimizer.step()
{end}
"""


def child(path: Path, count: int, end: str = "") -> subprocess.Popen[str]:
    script = textwrap.dedent(CHILD).format(end=end)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(count)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_what_was_handed_over_is_in_the_file_when_the_interpreter_ends(tmp_path: Path) -> None:
    process = child(tmp_path / "run.gw", 30)
    process.communicate(timeout=60)
    run = open_run(tmp_path / "run.gw")
    # The last step is over only when the next one begins.
    assert run.history.version >= 29
    assert run.closed


def stop(process: subprocess.Popen[str], path: Path) -> tuple[list[Said], float]:
    """Kills it; what it had handed over, and when that was."""
    died = time.monotonic()
    process.kill()
    process.communicate(timeout=60)
    return said_of(path), died


def assert_lost_no_more_than_a_flush(run: Run, said: list[Said], died: float, flush: float) -> None:
    assert run.damage == []
    assert not run.closed
    history, losses = run.history, run.history.losses
    newest = -1 if history.last is None else history.last.step
    lost = [one for one in said if one.step > (losses.last_step if one.step % 2 else newest)]
    # A busy machine may be late with a flush.
    assert not lost or died - lost[0].seconds < flush + 1.0
    # Nothing is missing in the middle, and what is there is right.
    steps, values = losses.recent(1_000)
    assert steps.tolist() == list(range(losses.version - len(steps), losses.version))
    assert values.tolist() == [loss_of(step) for step in steps.tolist()]
    steps = history.recent_steps(400)
    assert history.version == newest // 2 + 1
    assert steps.tolist() == list(range(newest + 2 - 2 * len(steps), newest + 2, 2))
    # The findings are those of the newest frame or a later one.
    since = {active(one.findings) for one in said if one.step >= newest}
    assert active(findings_said(run.findings)) in {*since, ""}


def active(findings: str) -> str:
    return ",".join(one for one in findings.split(",") if one.endswith(":1"))


@pytest.mark.slow
def test_a_run_that_is_killed_loses_no_more_than_its_last_flush(tmp_path: Path) -> None:
    draw = random.Random(0)  # noqa: S311  # the same every time
    for number in range(8):
        path = tmp_path / f"{number}.gw"
        process = recording_process(path, 100_000, flush=0.05, at_once=draw.choice((0, 1_800)))
        time.sleep(draw.uniform(0.0, 1.0))
        said, died = stop(process, path)
        assert_lost_no_more_than_a_flush(open_run(path), said, died, 0.05)


@pytest.mark.slow
def test_a_run_that_is_killed_resumed_followed_and_killed_again_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.gw"
    process = recording_process(path, 100_000, flush=0.05, at_once=1_800)
    while open_run(path).history.version < 900:
        time.sleep(0.05)
    stop(process, path)
    path.with_suffix(".said").unlink()
    process = recording_process(path, 100_000, flush=0.05, start_step=1_001, at_once=1_800)
    followed = open_run(path)
    while followed.history.version < 1_500:
        time.sleep(0.05)
        followed.refresh()
    said, died = stop(process, path)
    assert_lost_no_more_than_a_flush(open_run(path), said, died, 0.05)
    followed.refresh()
    assert_lost_no_more_than_a_flush(followed, said, died, 0.05)


def test_a_file_cut_anywhere_is_read_up_to_its_last_whole_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.001)
    live = Recorded(tmp_path / "run.gw")
    for one in steps(40):
        live.take([one])
        time.sleep(0.003)
    live.close()
    whole = (tmp_path / "run.gw").read_bytes()
    first = 12_000
    counts = []
    for end in range(first, len(whole), 997):
        (tmp_path / "cut.gw").write_bytes(whole[:end])
        counts.append(open_run(tmp_path / "cut.gw").history.version)
    assert counts == sorted(counts)
    assert len(set(counts)) > 5
    assert open_run(tmp_path / "run.gw").history.version == 40


@pytest.mark.slow
def test_a_forked_child_writes_nothing_into_the_file_of_its_parent(tmp_path: Path) -> None:
    end = """
import os
before = os.path.getsize(sys.argv[1])
if os.fork() == 0:
    for step in range(50):
        optimizer.zero_grad()
        model(torch.randn(16, 8)).square().mean().backward()
        optimizer.step()
    monitor.close()
    sys.exit()
os.wait()
"""
    process = child(tmp_path / "run.gw", 20, end)
    process.communicate(timeout=60)
    run = open_run(tmp_path / "run.gw")
    assert run.damage == []
    assert run.closed
    assert run.history.version <= 20
    assert [path.name for path in tmp_path.iterdir()] == ["run.gw"]


@pytest.mark.slow
def test_a_run_is_followed_while_another_process_writes_it(tmp_path: Path) -> None:
    process = recording_process(tmp_path / "run.gw", 400, flush=0.05)
    run = open_run(tmp_path / "run.gw")
    seen = [run.history.version]
    deadline = time.monotonic() + 60
    while not run.closed and time.monotonic() < deadline:
        run.refresh()
        seen.append(run.history.version)
        time.sleep(0.05)
    process.communicate(timeout=60)
    assert run.closed
    assert seen == sorted(seen)
    again = open_run(tmp_path / "run.gw")
    assert_same_history(run.history, again.history)
    assert again.history.version == 200
    assert again.history.losses.version == 400
    assert again.findings
    assert not run.refresh()


def test_a_part_that_begins_while_a_run_is_followed_is_read_too(tmp_path: Path) -> None:
    Recorded(tmp_path / "run.gw").take(steps(30)).close()
    run = open_run(tmp_path / "run.gw")
    live = Recorded(tmp_path / "run.gw", start_step=20).take(steps(30, start=20)).close()
    assert run.refresh()
    assert run.history.version == 50
    assert live.history.last is not None
    assert run.history.last is not None
    assert run.history.last.step == live.history.last.step
