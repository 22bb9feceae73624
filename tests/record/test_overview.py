"""A history taken up from an overview goes on as the one that it was taken of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from gradwidget.frame import Frame, Layer
from gradwidget.record.history import History
from tests.support.recording.recorded import assert_same_history

LAYERS = tuple(Layer(f"fc{i}", "Linear", {"weight": (2, 2)}) for i in range(3))


def frames(count: int, layers: tuple[Layer, ...] = LAYERS) -> Iterator[Frame]:
    draw = np.random.default_rng(0)
    for step in range(count):
        metrics = {"grad_rms": draw.random(len(layers), np.float32)}
        if step % 3 == 0:
            metrics["act_rms"] = draw.random(len(layers), np.float32)
        if step > 2_000 and step % 50 == 0:
            metrics["update_ratio"] = np.full(len(layers), np.nan, np.float32)
        known = {"grad_rms": np.array([True, step % 2 == 0, True])[: len(layers)]}
        scalars = {"loss": float(draw.random()), **({"mine": 1.0} if step > 900 else {})}
        yield Frame(2 * step, layers, metrics, known, scalars, skipped=step % 11 == 0)


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
