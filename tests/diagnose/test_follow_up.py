from __future__ import annotations

import numpy as np

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.follow_up import FOLLOW, GRANTS, WATCH, WATCHED, Wanted
from gradwidget.record.history import History
from tests.diagnose.frames import chain, frame, healthy

DEPTH = 5
LAYERS = chain(DEPTH)
SHARE = np.geomspace(1e-6, 1, DEPTH)


def wanted(steps: list[tuple[int, bool]]) -> list[Wanted]:
    """What is asked for after each of the given frames: its step, and whether it is sick."""
    history, engine = History(), Engine()
    asked = []
    for step, sick in steps:
        figures = healthy(
            DEPTH, **({"act_grad_rms": SHARE, "act_grad_norm": SHARE} if sick else {})
        )
        history.append(frame(step, LAYERS, figures))
        engine.update(history)
        asked.append(engine.wanted)
    return asked


def followed(steps: list[tuple[int, bool]]) -> list[int]:
    return [asked.steps for asked in wanted(steps)]


def test_asks_for_the_next_steps_when_a_single_frame_looks_wrong() -> None:
    assert followed([(0, False), (1, False), (100, True)]) == [0, 0, FOLLOW]


def test_does_not_ask_again_at_the_steps_that_it_got() -> None:
    assert followed([(0, False), (100, True), (101, True), (102, True)]) == [0, FOLLOW, 0, 0]


def test_follows_no_longer_what_never_becomes_a_finding() -> None:
    asked = followed([(100 * i + j, j == 0) for i in range(1, 8) for j in range(2)])
    assert sum(steps > 0 for steps in asked) == GRANTS


def test_watches_what_is_suspected_until_it_is_gone() -> None:
    asked = wanted([(0, False), (100, True), (200, True), (300, True), (400, False)])
    assert [one.every for one in asked] == [0, WATCH, WATCH, WATCH, 0]


def test_leaves_what_never_becomes_a_finding_to_the_ordinary_samples_in_the_end() -> None:
    asked = wanted([(100 * i + j, j == 0) for i in range(1, 30) for j in range(2)])
    assert asked[-2].every == 0


def test_what_was_found_is_watched_for_a_while() -> None:
    found = [(step, True) for step in range(5)]
    watched = [(10 * step, True) for step in range(1, 30)]
    asked = [one.every for one in wanted(found + watched)]
    assert asked[4] == WATCH
    assert asked[4:].count(WATCH) == WATCHED
    assert asked[-1] == 0


def test_asks_for_nothing_on_a_healthy_run() -> None:
    assert set(wanted([(step, False) for step in range(30)])) == {Wanted()}
