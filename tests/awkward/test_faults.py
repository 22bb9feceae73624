"""Whatever fails on our side, the training loop never learns of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

import numpy as np
import pytest

import tests.awkward.loops  # noqa: F401  # registers every loop
from gradwidget import Frame, GradMonitor
from tests.awkward.agreement import agrees
from tests.awkward.faults import Faults, functions
from tests.awkward.loop import LOOPS, Loop
from tests.awkward.test_identity import bits

UNSEEN = " without a look at outputs"

SOME = (
    "plain",
    "a_scaler_alone",
    "a_stacked_lstm",
    "a_step_that_overflows",
    "a_loss_that_turns_nan",
    "no_optimizer_at_all",
    "two_optimizers_on_one_model",
    "checkpoints_reentrant",
    "gradients_assigned_by_hand",
    "a_frozen_backbone",
    "a_loss_that_turns_nan" + UNSEEN,
)
"""Loops that between them reach nearly everything in capture."""
UNREPEATABLE = ("a_scaler_alone", "a_step_that_overflows", "no_optimizer_at_all")
"""Loops that an interrupt in the middle of a step leaves half-way, with or without us: a scaler
refuses to go on."""
TOTAL = 10_000
EACH = 20


REACHED = 200
"""Sites that the loops reach, at the least: fewer, and the tests below would be green for want of
anything to fail."""


@pytest.mark.parametrize(("part", "least"), [("gradwidget.capture", 443), ("gradwidget", 860)])
def test_every_function_of_every_sub_package_can_be_made_to_fail(part: str, least: int) -> None:
    assert len({site for _, _, _, site in functions(part)}) >= least


def loop_of(name: str) -> Loop:
    """A fresh loop."""
    return LOOPS[name.removesuffix(UNSEEN)].loop()


def watch(loop: Loop, name: str) -> GradMonitor:
    """A monitor that looks at every step."""
    return GradMonitor(loop.model, budget=None, activations=not name.endswith(UNSEEN))


@lru_cache(maxsize=1)
def sites() -> dict[str, str]:
    """Every site that a running loop reaches, and the quickest loop that does."""
    found: dict[str, str] = {}
    with Faults() as faults:
        for name in SOME:
            loop = loop_of(name)
            with watch(loop, name):
                faults.calls.clear()
                with faults.failing(0.0):
                    loop.run(3)
                found = dict.fromkeys(faults.calls, name) | found
    assert len(found) >= REACHED
    return found


@lru_cache
def unwatched(name: str, steps: int) -> list[bytes]:
    """What a loop leaves behind when nobody watches."""
    loop = loop_of(name)
    loop.run(steps)
    return [bits(tensor) for tensor in loop.state()]


def watched(
    name: str, faults: Faults, *, steps: int, only: str | None, probability: float
) -> list[bytes]:
    """What it leaves behind when watched by something that fails."""
    loop = loop_of(name)
    monitor = watch(loop, name)
    before = faults.hits.total()
    with faults.failing(probability, only=only):
        loop.run(steps)
    assert monitor.problems or faults.hits.total() == before, f"{only} failed and nobody was told"
    monitor.close()
    return [bits(tensor) for tensor in loop.state()]


@pytest.mark.slow
@pytest.mark.timeout(900)  # three minutes where nothing else runs
def test_ten_thousand_faults_never_reach_the_loop_nor_a_weight() -> None:
    with Faults() as faults:
        for site, name in sites().items():
            while faults.hits[site] < EACH:
                assert watched(name, faults, steps=3, only=site, probability=0.9) == unwatched(
                    name, 3
                ), site
        while faults.hits.total() < TOTAL:
            for name in SOME:
                assert watched(name, faults, steps=3, only=None, probability=0.2) == unwatched(
                    name, 3
                )
    print(*(f"{count:6d} {site}" for site, count in sorted(faults.hits.items())), sep="\n")  # noqa: T201  # the record
    assert {site: faults.hits[site] for site in sites() if faults.hits[site] < EACH} == {}


def frames(loop: Loop, monitor: GradMonitor, steps: int) -> list[Frame]:
    """The frames of some steps."""
    found: list[Frame] = []
    monitor._session.on_frame.append(
        lambda: found.extend([frame] if (frame := monitor.history.last) else [])
    )
    loop.run(steps)
    return found


def differing(said: Frame, true: Frame) -> Iterator[str]:
    """Metrics that are missing or wrong."""
    for metric, values in true.metrics.items():
        if metric not in said.metrics or not all(
            agrees(float(a), float(b)) or np.isnan(b)
            for a, b in zip(said.metrics[metric], values, strict=True)
        ):
            yield metric


@pytest.mark.slow
def test_after_one_failure_anywhere_capture_recovers_or_says_that_it_stopped() -> None:
    truths = {}
    for name in SOME:
        loop = loop_of(name)
        with watch(loop, name) as monitor:
            truths[name] = frames(loop, monitor, 5)[-1]
    with Faults() as faults:
        for site, name in sites().items():
            loop = loop_of(name)
            with watch(loop, name) as monitor:
                with faults.failing(1.0, only=site, at_most=1):
                    loop.run(1)
                after = frames(loop, monitor, 4)
                assert faults.left or monitor.problems, site
                last = after[-1] if after else None
                wrong = "no frame" if last is None else [*differing(last, truths[name])]
                assert not wrong or any("off" in problem.message for problem in monitor.problems), (
                    site,
                    wrong,
                )


@pytest.mark.slow
def test_an_interrupt_inside_our_code_reaches_the_user_and_the_next_step_works() -> None:
    with Faults() as faults:
        faults.kind = KeyboardInterrupt
        for site, name in sites().items():
            if name in UNREPEATABLE:
                continue
            loop = loop_of(name)
            with watch(loop, name) as monitor:
                with faults.failing(1.0, only=site, at_most=1), suppress(KeyboardInterrupt):
                    loop.run(1)
                found = frames(loop, monitor, 3)
                assert len(found) >= 2, site
                assert "grad_norm" in found[-1].metrics, site
