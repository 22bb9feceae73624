"""A history taken up from an overview goes on as the one that it was taken of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from gradwidget.frame import Frame, Layer
from gradwidget.record.history import History
from gradwidget.record.losses import COLUMNS, Losses
from gradwidget.record.overview import Overview, check_chain
from gradwidget.record.resumed import ResumedHistory
from tests.support.recording.recorded import assert_same_history

LAYERS = tuple(Layer(f"fc{i}", "Linear", {"weight": (2, 2)}) for i in range(3))


def frames(count: int, layers: tuple[Layer, ...] = LAYERS, start: int = 0) -> Iterator[Frame]:
    draw = np.random.default_rng(start)
    for step in range(start, start + count):
        metrics = {"grad_rms": draw.random(len(layers), np.float32)}
        if step % 3 == 0:
            metrics["act_rms"] = draw.random(len(layers), np.float32)
        if step > 2_000 and step % 50 == 0:
            metrics["update_ratio"] = np.full(len(layers), np.nan, np.float32)
        known = {"grad_rms": np.array([True, step % 2 == 0, True])[: len(layers)]}
        scalars = {"loss": float(draw.random()), **({"mine": 1.0} if step > 900 else {})}
        yield Frame(2 * step, layers, metrics, known, scalars, skipped=step % 11 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("every", [100, 700, 5_000])
def test_it_goes_on_bit_for_bit(every: int) -> None:
    live, read, covered = History(), History(), 0
    came = list(frames(20_000))
    for number, one in enumerate(came, 1):
        live.append(one)
        live.losses.extend([one.step], [one.scalars["loss"]])
        if number % every == 0 and (given := live.overview(covered)) is not None:
            if not given.since:
                read = History()
            read.take_up(given)
            covered = given.covered
    assert covered > 10_000
    (next_step,) = {one.step for place, one in enumerate(came) if place == covered}
    for one in came[covered:]:
        assert one.step >= next_step
        read.append(one)
        read.losses.extend([one.step], [one.scalars["loss"]])
    assert_same_history(read, live)


def test_there_is_none_before_anything_is_joined_nor_twice_the_same() -> None:
    live = History()
    for one in frames(600):
        live.append(one)
    assert live.overview() is None
    for one in frames(700):
        if one.step > 1_198:
            live.append(one)
    given = live.overview()
    assert given is not None
    assert live.overview(given.covered) is None


def test_what_does_not_continue_it_is_refused() -> None:
    live = History()
    for one in frames(1_000):
        live.append(one)
    given = live.overview()
    assert given is not None
    read = History()
    read.take_up(given)
    with pytest.raises(ValueError, match="does not continue"):
        read.take_up(given)
    with pytest.raises(ValueError, match="does not continue"):
        live.take_up(given)


def part_of(came: list[Frame], every: int = 700) -> tuple[History, list[Overview], int]:
    """The history of a part alone, the chain of its overviews, and how many frames they cover."""
    live, covered = History(), 0
    chain: list[Overview] = []
    for number, one in enumerate(came, 1):
        live.append(one)
        live.losses.extend([one.step], [one.scalars["loss"]])
        if number % every == 0 and (given := live.overview(covered)) is not None:
            chain = [*chain, given] if given.since else [given]
            covered = given.covered
    return live, chain, covered


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(5, 3_000), (900, 900, 4_000), (20_000, 700, 9_000)])
def test_parts_are_joined_and_each_column_is_that_of_its_frames(counts: tuple[int, ...]) -> None:
    read, came = ResumedHistory(), list[Frame]()
    for count in counts:
        part = list(frames(count, start=len(came)))
        live, chain, covered = part_of(part)
        if chain:
            check_chain(chain, live._room.coarse)
        for given in chain:
            read.take_up(given)
        for one in part[covered:]:
            read.append(one)
            read.losses.extend([one.step], [one.scalars["loss"]])
        came += part
    assert read.version == len(came) == read.losses.version
    assert read.first_step == 0
    assert read.last is came[-1]
    assert len(read.losses.steps) <= COLUMNS
    # By brute force, of all frames that each column stands for.
    ends = np.append(read.steps[1:], came[-1].step + 1)
    assert (np.diff(read.steps) > 0).all()
    assert len(read.steps) <= read._room.fine + read._room.coarse
    values = np.array([one.metrics["grad_rms"] for one in came], np.float64)
    known = np.array([one.measured["grad_rms"] for one in came])
    steps = np.array([one.step for one in came])
    tables = read.low("grad_rms"), read["grad_rms"], read.high("grad_rms")
    for column, (first, end) in enumerate(zip(read.steps, ends, strict=True)):
        own = (steps >= first) & (steps < end)
        assert read.skipped[column] == any(one.skipped for one in np.array(came)[own])
        for layer in (0, 1, 2):
            rows, measured = values[own, layer], values[own & known[:, layer], layer]
            assert read.measured("grad_rms")[column, layer] == bool(measured.size)
            if measured.size and own.sum() > 1:
                expected = rows.min(), measured.mean(), rows.max()
                got = [table[column, layer] for table in tables]
                # Joined means count by frames, not by how many of them were measured.
                rtol = 0.1 if layer == 1 else 1e-5
                np.testing.assert_allclose(got, expected, rtol=rtol)
    np.testing.assert_array_equal(read.start("grad_rms")[:, 0], values[:12, 0])


def test_layers_may_be_others_in_a_later_part() -> None:
    read = ResumedHistory()
    for given in part_of(list(frames(2_000)))[1]:
        read.take_up(given)
    wider = (*LAYERS, Layer("head", "Linear", {"weight": (2, 2)}))
    later = [
        replace(one, layers=wider, metrics={}, measured={}) for one in frames(2_000, start=2_000)
    ]
    _, chain, covered = part_of(later)
    for given in chain:
        read.take_up(given)
    read.append(later[covered])
    assert read.layers == wider
    assert read["grad_rms"].shape == (len(read.steps), 4)
    assert np.isfinite(read["grad_rms"][0, 0])
    assert np.isnan(read["grad_rms"][0, 3])


def test_an_overview_that_leaves_a_gap_is_refused() -> None:
    _, chain, _ = part_of(list(frames(5_000)), every=500)
    assert len(chain) > 2
    with pytest.raises(ValueError, match="does not continue"):
        check_chain([chain[0], *chain[2:]], 640)
    with pytest.raises(ValueError, match="does not continue"):
        check_chain(chain, 10)
    read = ResumedHistory()
    read.append(next(frames(1)))
    with pytest.raises(ValueError, match="does not continue"):
        read.take_up(chain[1])


def test_losses_of_parts_stand_one_behind_the_other() -> None:
    parts = []
    for start, count in ((0, 5), (5, 10_000), (10_005, 3_000)):
        one = Losses()
        one.extend(np.arange(start, start + count), np.sqrt(np.arange(start, start + count)))
        parts.append(one)
    joined = Losses()
    joined.take_up(*(one.columns() for one in parts))
    assert joined.version == 13_005
    assert joined.last_step == 13_004
    assert len(joined.steps) <= COLUMNS
    joined.extend([13_005], [1.0])
    ends = np.append(joined.steps[1:], 13_006)
    for first, end, mean in zip(joined.steps[:-1], ends, joined.means, strict=False):
        assert mean == pytest.approx(np.sqrt(np.arange(first, end)).mean())
