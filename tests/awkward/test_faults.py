"""Whatever fails inside gradwidget, the training loop never learns of it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest

from gradwidget import Frame, GradMonitor
from gradwidget.capture.stats.scratch import _kept
from gradwidget.capture.stats.tensor_stats import _known
from tests.awkward.injected.watching import SCENES
from tests.awkward.loop import Loop
from tests.awkward.test_identity import bits
from tests.awkward.truth.agreement import agrees
from tests.support.faults import Faults, functions

TOTAL = 10_000
EACH = 20

PARTS = {
    "capture.collect.": 80,
    "capture.stats.": 40,
    "capture.inspect.": 25,
    "capture.": 95,
    "diagnose.": 75,
    "record.": 20,
    "view.": 35,
    "control.": 15,
    "": 35,
}
"""Sites that the scenes reach in a part that comes before all later ones, at the least.

Fewer, and the tests below would be green for want of anything to fail.
"""


@pytest.mark.parametrize(("part", "least"), [("gradwidget.capture", 443), ("gradwidget", 860)])
def test_every_function_of_every_sub_package_can_be_made_to_fail(part: str, least: int) -> None:
    assert len({site for _, _, _, site in functions(part)}) >= least


@lru_cache(maxsize=1)
def sites() -> dict[str, str]:
    """Every site that a running loop reaches, and the quickest scene that does."""
    found: dict[str, str] = {}
    with Faults() as faults:
        for name, scene in SCENES.items():
            loop = scene.loop()
            watching = scene.watch(loop)
            faults.calls.clear()
            with faults.failing(0.0):
                loop.run(3)
            watching.close()
            assert watching.complaints == []
            found = dict.fromkeys(faults.calls, name) | found
    counts = Counter(part_of(site) for site in found)
    assert {part: counts[part] for part, least in PARTS.items() if counts[part] < least} == {}
    return found


def part_of(site: str) -> str:
    """The part that a site belongs to: the first whose name it begins with."""
    return next(part for part in PARTS if site.startswith(part))


@lru_cache
def unwatched(name: str, steps: int) -> list[bytes]:
    """What a loop leaves behind when nobody watches."""
    loop = SCENES[name].loop()
    loop.run(steps)
    return [bits(tensor) for tensor in loop.state()]


def watched(
    name: str, faults: Faults, *, steps: int, only: str | None, probability: float
) -> list[bytes]:
    """What it leaves behind when watched by something that fails."""
    # What is made once in a process may fail too.
    _kept.numbers.clear()
    _known.cache_clear()
    loop = SCENES[name].loop()
    watching = SCENES[name].watch(loop)
    before = faults.hits.total()
    with faults.failing(probability, only=only):
        loop.run(steps)
    told = watching.complaints
    watching.close()
    del watching
    gc.collect()
    assert told or faults.hits.total() == before, f"{only} failed and nobody was told"
    return [bits(tensor) for tensor in loop.state()]


@pytest.fixture(autouse=True)
def a_small_heap() -> Iterator[None]:
    """What was there before is not walked again by each of the thousands of monitors."""
    gc.collect()  # what other tests have left is not closed inside of ours
    gc.disable()  # what dies is collected between the runs, not while everything fails
    sites()  # imports all that is needed
    gc.collect()
    gc.freeze()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two minutes where nothing else runs
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part or "all else")
def test_no_fault_of_any_function_reaches_the_loop_or_a_weight(part: str) -> None:
    reached = {site: name for site, name in sites().items() if part_of(site) == part}
    with Faults() as faults:
        for site, name in reached.items():
            for _ in range(5 * EACH):
                if faults.hits[site] >= EACH:
                    break
                assert watched(name, faults, steps=3, only=site, probability=0.9) == unwatched(
                    name, 3
                ), site
    print(*(f"{count:6d} {site}" for site, count in sorted(faults.hits.items())), sep="\n")  # noqa: T201  # the record
    assert {site: faults.hits[site] for site in reached if faults.hits[site] < EACH} == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a minute where nothing else runs
def test_ten_thousand_faults_at_once_never_reach_the_loop_or_a_weight() -> None:
    with Faults() as faults:
        while faults.hits.total() < TOTAL:
            for name in SCENES:
                assert watched(name, faults, steps=3, only=None, probability=0.2) == unwatched(
                    name, 3
                )


def frames(loop: Loop, monitor: GradMonitor, steps: int) -> list[Frame]:
    """The frames of some steps."""
    found: list[Frame] = []
    monitor._session.on_frame.append(
        lambda: found.extend([frame] if (frame := monitor.history.last) else [])
    )
    loop.run(steps)
    return found


def names_of(frame: Frame) -> list[str]:
    """The layers of a frame."""
    return [layer.name for layer in frame.layers]


def differing(said: Frame, true: Frame) -> Iterator[str]:
    """Metrics that are missing or wrong."""
    for metric, values in true.metrics.items():
        if metric not in said.metrics or not all(
            agrees(float(a), float(b)) or np.isnan(b)
            for a, b in zip(said.metrics[metric], values, strict=True)
        ):
            yield metric


@pytest.mark.slow
def test_after_one_failure_anywhere_gradwidget_recovers_or_says_that_it_stopped() -> None:
    truths = {}
    for name, scene in SCENES.items():
        loop = scene.loop()
        watching = scene.watch(loop)
        truths[name] = frames(loop, watching.monitor, 5)[-1]
        watching.close()
    with Faults() as faults:
        for site, name in sites().items():
            loop = SCENES[name].loop()
            watching = SCENES[name].watch(loop)
            with faults.failing(1.0, only=site, at_most=1):
                loop.run(1)
            after = frames(loop, watching.monitor, 4)
            last = after[-1] if after else None  # closing may add a frame of a step not yet over
            assert faults.left or watching.complaints, site
            watching.close()
            told = watching.complaints
            if last is not None and names_of(last) != names_of(truths[name]):
                # Weights without modules stay one row where dividing them has failed, and says so.
                assert told, site
                continue
            wrong = "no frame" if last is None else [*differing(last, truths[name])]
            assert not wrong or any("off" in message for message in told), (site, wrong)
