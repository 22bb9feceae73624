"""The processes of a training, in the file that rank 0 records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from mcap.reader import make_reader

from gradwidget import GradMonitor, open_run
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.frame import Standing
from gradwidget.record.rank_log import Rank
from gradwidget.report.processes import ALONE, Processes
from gradwidget.run.format.file_writer import FileWriter
from gradwidget.run.format.limits import MESSAGE_BYTES
from gradwidget.run.news import News
from gradwidget.run.recorder import run_data
from gradwidget.run.recording import Recording
from tests.support.recording.recorded import Recorded, steps

TWO = Processes(
    Standing(notes=("Of 2 processes.",)), (Rank(0, 3, 0.5, 0.01), Rank(1, 3, 0.25, 0.9, lags=True))
)


class Counted(FileWriter):
    """Counts what is told of processes."""

    told = 0

    def add(self, topic: str, data: Mapping[str, object], most: int = MESSAGE_BYTES) -> None:
        self.told += topic == "processes"
        super().add(topic, data, most)


def test_a_run_that_was_read_has_them_as_they_were_at_last(tmp_path: Path) -> None:
    live = Recorded(tmp_path / "run.gw")
    live.news = News(processes=TWO)
    live.take(steps(5)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.processes == TWO
    assert run.ranks == TWO.ranks
    assert "rank 1  loss 0.25  900 ms a step by itself · the others wait for it" in run.report()


def test_a_run_of_one_process_has_none(tmp_path: Path) -> None:
    Recorded(tmp_path / "run.gw").take(steps(5)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.processes == ALONE
    assert "processes" not in run.report()


def test_what_changes_at_every_step_is_written_ever_more_rarely(tmp_path: Path) -> None:
    recording = Recording(file := Counted(tmp_path / "run.gw", run_data("Net", 0, DEFAULT)))
    for frame in steps(400):
        recording.add(frame, [])
        ranks = [replace(one, step=frame.step) for one in TWO.ranks]
        recording.flush(News(processes=replace(TWO, ranks=ranks)))
    before = file.told
    assert 30 < before < 60
    ranks = [replace(one, lags=False) for one in TWO.ranks]
    recording.flush(News(processes=replace(TWO, ranks=ranks)))
    assert file.told == before + 1
    file.close()


def test_of_a_training_in_one_process_nothing_is_told(tmp_path: Path) -> None:
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model, budget=None, run_file=tmp_path / "run.gw") as monitor:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.ones(1, 4)).sum().backward()
            optimizer.step()
    assert monitor._session.processes == ALONE
    with (tmp_path / "run.gw").open("rb") as file:
        topics = {channel.topic for _, channel, _ in make_reader(file).iter_messages()}
    assert "frame" in topics
    assert "processes" not in topics


def test_losses_that_are_told_late_are_left_out_as_a_history_does(tmp_path: Path) -> None:
    live = Recorded(tmp_path / "run.gw")
    live.take_losses([(0, 3.0), (1, 2.0), (2, 1.5)])
    live.take_losses([(1, 2.5), (2, 1.0), (3, 0.5)])
    live.close()
    losses = live.history.losses.recent(9)
    read = open_run(tmp_path / "run.gw")
    assert [one.tolist() for one in read.history.losses.recent(9)] == [
        one.tolist() for one in losses
    ]
    assert losses[0].tolist() == [0, 1, 2, 3]
    assert read.problems == []
