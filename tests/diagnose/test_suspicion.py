from __future__ import annotations

import numpy as np

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.suspicion import FOLLOW, GRANTS
from gradwidget.record.history import History
from tests.diagnose.frames import chain, frame, healthy

DEPTH = 5
LAYERS = chain(DEPTH)
SHARE = np.geomspace(1e-6, 1, DEPTH)


def wanted(steps: list[tuple[int, bool]]) -> list[int]:
    """How many steps are asked for after each of the given frames: its step, and whether it is sick."""
    history, engine = History(), Engine()
    asked = []
    for step, sick in steps:
        figures = healthy(DEPTH, **({"act_grad_rms": SHARE, "act_grad_norm": SHARE} if sick else {}))
        history.append(frame(step, LAYERS, figures))
        engine.update(history)
        asked.append(engine.wanted.steps)
    return asked


def test_asks_for_the_next_steps_when_a_single_frame_looks_wrong() -> None:
    assert wanted([(0, False), (1, False), (100, True)]) == [0, 0, FOLLOW]


def test_does_not_ask_again_at_the_steps_that_it_got() -> None:
    assert wanted([(0, False), (100, True), (101, True), (102, True)]) == [0, FOLLOW, 0, 0]


def test_gives_up_on_what_never_becomes_a_finding() -> None:
    asked = wanted([(100 * i + j, j == 0) for i in range(1, 8) for j in range(2)])
    assert sum(steps > 0 for steps in asked) == GRANTS


def test_asks_for_nothing_on_a_healthy_run() -> None:
    assert set(wanted([(step, False) for step in range(30)])) == {0}
