"""A long run opens by its overview, and is the run that it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no type information
import numpy as np
import pytest
from mcap.reader import make_reader

from gradwidget import open_run
from gradwidget.control.control import Change
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.frame import Frame
from gradwidget.problem import Problem
from gradwidget.record.history import History
from gradwidget.run import overviews
from gradwidget.run.format.block_reader import BlockReader
from gradwidget.run.format.file_writer import FileWriter
from gradwidget.run.news import News
from gradwidget.run.part import Part
from gradwidget.run.parts import part_path
from gradwidget.run.recorder import run_data
from gradwidget.run.recording import Recording
from tests.support.frames import chain, frame, healthy
from tests.support.recording.recorded import Recorded, assert_same_history

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overviews wherever there are some frames that one saves."""
    monkeypatch.setattr(overviews, "LONG", 0.0)
    monkeypatch.setattr(overviews, "GAIN", 0.02)


def frames(count: int, depth: int = 3, start: int = 0) -> list[Frame]:
    draw = np.random.default_rng(0)
    layers = chain(depth)
    return [
        frame(
            step,
            layers,
            healthy(
                depth,
                grad_rms=draw.random(depth),
                act_rms=np.where(draw.random(depth) < 0.3, np.nan, 1.0),
                scalars={"loss": float(draw.random()), **({"mine": 1.0} if step % 5 else {})},
                skipped=step % 13 == 0,
            ),
        )
        for step in range(start, start + count)
    ]


class Live:
    """A run that is recorded on this thread, flushed every so many frames."""

    def __init__(self, path: Path, every: int = 50, file: FileWriter | None = None) -> None:
        self.history, self.file = History(), file or FileWriter(path, run_data("Net", 0, DEFAULT))
        self.recording = Recording(self.file, self.history.overview)
        self.every = every

    def take(self, came: Iterable[Frame]) -> Live:
        for one in came:
            self.history.append(one)
            self.history.losses.extend([one.step], [one.scalars["loss"]])
            self.recording.add(one, [])
            self.recording.add_losses([(one.step, one.scalars["loss"])])
            if one.step % self.every == 0:
                self.recording.flush(None)
        return self

    def close(self) -> Live:
        self.recording.flush(None)
        self.file.finish()
        self.file.close()
        return self


def count_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many frames are read where a run is opened."""
    read: list[int] = []
    whole = Part.frames

    def counted(part: Part) -> Iterator[Frame]:
        for one in whole(part):
            read.append(one.step)
            yield one

    monkeypatch.setattr(Part, "frames", counted)
    run = open_run(path)
    monkeypatch.undo()
    assert run.damage == []
    return len(read)


@pytest.mark.parametrize("every", [1, 50, 700])
def test_a_run_opened_by_its_overview_is_the_run_that_it_was(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(tmp_path / "run.gw", every).take(frames(9_000)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.damage == []
    assert_same_history(run.history, live.history)
    assert count_read(tmp_path / "run.gw", monkeypatch) < 640 + 128 + 700 + 400


def test_what_is_said_in_words_is_what_was_said_last(tmp_path: Path) -> None:
    live = Live(tmp_path / "run.gw")
    live.take(frames(1_000))
    change, problem = Change(1, 7, "clipped"), Problem("here", "failed", "…", 3)
    live.recording.flush(News((change,), [problem]))
    live.take(frames(5_000, start=1_000)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.history.version == 6_000
    assert run.changes == (change,)
    assert run.problems == [problem]
    assert run.layers == live.history.layers
    assert len(run.diagnose()) == len(run.findings)


def test_its_messages_follow_their_schemas(tmp_path: Path) -> None:
    Live(tmp_path / "run.gw").take(frames(3_000)).close()
    seen = set()
    with (tmp_path / "run.gw").open("rb") as file:
        topics = ["overview", "overview_metric"]
        for schema, channel, message in make_reader(file).iter_messages(topics=topics):
            assert schema is not None
            jsonschema.validate(json.loads(message.data), json.loads(schema.data))
            seen.add(channel.topic)
    assert seen == set(topics)


def test_layers_that_change_begin_a_new_overview(tmp_path: Path) -> None:
    live = Live(tmp_path / "run.gw")
    live.take(frames(3_000)).take(frames(3_000, depth=5, start=3_000)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.damage == []
    assert_same_history(run.history, live.history)


def test_a_file_cut_anywhere_opens_by_the_newest_overview_that_is_whole(tmp_path: Path) -> None:
    Live(tmp_path / "run.gw").take(frames(4_000)).close()
    whole = (tmp_path / "run.gw").read_bytes()
    counts = []
    for end in range(len(whole) // 3, len(whole), len(whole) // 60):
        (tmp_path / "cut.gw").write_bytes(whole[:end])
        run = open_run(tmp_path / "cut.gw")
        assert run.damage == []
        steps = run.history.recent_steps(300)
        assert steps.tolist() == list(range(run.history.version - 300, run.history.version))
        counts.append(run.history.version)
    assert counts == sorted(counts)
    assert counts[-1] > 3_900


def test_an_overview_that_is_damaged_costs_time_alone(tmp_path: Path) -> None:
    live = Live(tmp_path / "run.gw").take(frames(4_000)).close()
    whole = bytearray((tmp_path / "run.gw").read_bytes())
    where = BlockReader(tmp_path / "run.gw")
    next(where.messages())
    block = int([*where.signposts("overview")][-1]["blocks"].split(",")[-1])
    whole[block + 200] ^= 1
    (tmp_path / "run.gw").write_bytes(whole)
    run = open_run(tmp_path / "run.gw")
    assert len(run.damage) == 2
    assert "every frame is read" in run.damage[0]
    assert_same_history(run.history, live.history)


@pytest.mark.parametrize("place", [2**53, 2**63, -1, 0, 9])
def test_an_overview_that_points_nowhere_costs_time_alone(place: int, tmp_path: Path) -> None:
    path = tmp_path / "run.gw"
    live = Live(path).take(frames(300))
    live.file.point_to("overview", blocks=str(place), next_step="100", end="100", go_on=str(place))
    live.take(frames(300, start=300)).close()
    run = open_run(path)
    assert "every frame is read" in run.damage[0]
    assert_same_history(run.history, live.history)


def test_a_resumed_run_takes_up_what_its_first_part_came_to(tmp_path: Path) -> None:
    first, second = frames(4_000), frames(900, start=3_900)
    Live(tmp_path / "run.gw").take(first).close()
    live = Recorded(tmp_path / "run.gw", start_step=3_900).take(second).close()
    joined = Live(tmp_path / "joined.gw").take(first[:3_900]).take(second).close()
    assert live.stopped == []
    run = open_run(tmp_path / "run.gw")
    assert_same_history(run.history, joined.history)
    early = Recorded(tmp_path / "run.gw", start_step=100).take(frames(30, start=100)).close()
    assert early.stopped == []
    assert open_run(tmp_path / "run.gw").history.version == 130


def test_a_resumed_run_takes_up_the_overviews_of_all_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [frames(4_000), frames(6_000, start=3_900), frames(3_000, start=9_800)]
    path = tmp_path / "run.gw"
    for number, came in enumerate(parts, 1):
        file = FileWriter(part_path(path, number), run_data("Net", came[0].step, DEFAULT))
        Live(path, file=file).take(came).close()
    run = open_run(path)
    assert run.damage == []
    assert run.history.version == run.history.losses.version == 12_800
    assert run.history.last is not None
    assert run.history.last.step == 12_799
    assert run.history.first_step == 0
    assert count_read(path, monkeypatch) < 3 * 1_600
    joined = [*parts[0][:3_900], *parts[1][:5_900], *parts[2]]
    # By brute force, of all frames that each column stands for.
    rows = np.array([one.metrics["grad_rms"] for one in joined], np.float64)
    means = np.add.reduceat(rows, run.history.steps)
    counts = np.diff([*run.history.steps, len(joined)])
    np.testing.assert_allclose(run.history["grad_rms"], means / counts[:, np.newaxis], rtol=1e-5)


def test_an_overview_that_begins_before_its_part_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "run.gw"
    Live(path).take(frames(100)).close()
    file = FileWriter(part_path(path, 2), run_data("Net", 90, DEFAULT))
    Live(path, file=file).take(frames(2_000, start=50)).close()
    run = open_run(path)
    assert "begins before its part" in run.damage[0]
    assert run.history.version == 2_050


def test_it_is_followed_from_its_overview_on(tmp_path: Path) -> None:
    live = Live(tmp_path / "run.gw").take(frames(3_000))
    run = open_run(tmp_path / "run.gw")
    live.take(frames(3_000, start=3_000)).close()
    assert run.refresh()
    assert run.closed
    assert_same_history(run.history, live.history)
