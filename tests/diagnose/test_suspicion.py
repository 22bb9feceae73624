from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.suspicion import SERIES, SERIES_IN_A_ROW, Suspicion, Wanted
from gradwidget.record.history import History
from tests.support.frames import chain, frame, healthy

DEPTH = 5
LAYERS = chain(DEPTH)
SHARE = np.geomspace(1e-6, 1, DEPTH)


def wanted(steps: list[tuple[int, bool]]) -> list[Wanted]:
    """What is wanted after each of the given frames: its step, and whether it is sick."""
    history, engine = History(), Engine()
    found = []
    for step, sick in steps:
        values = healthy(DEPTH, **({"act_grad_rms": SHARE, "act_grad_norm": SHARE} if sick else {}))
        history.append(frame(step, LAYERS, values))
        engine.update(history)
        found.append(engine.wanted)
    return found


def series(steps: list[tuple[int, bool]]) -> list[bool]:
    return [one.series for one in wanted(steps)]


def test_wants_the_next_steps_when_a_single_frame_looks_wrong() -> None:
    assert series([(0, False), (1, False), (100, True)]) == [False, False, True]


def test_wants_them_once_while_they_come() -> None:
    assert series([(0, False), (100, True), (101, True), (102, True)]) == [
        False,
        True,
        False,
        False,
    ]


def test_wants_no_more_series_of_what_never_becomes_a_finding() -> None:
    found = series([(100 * i + j, j == 0) for i in range(1, 8) for j in range(2)])
    assert sum(found) == SERIES_IN_A_ROW


def test_watches_what_is_suspected_until_it_is_gone() -> None:
    found = wanted([(0, False), (100, True), (200, True), (300, True), (400, False)])
    assert [one.watch for one in found] == [False, True, True, True, False]


def test_leaves_what_never_becomes_a_finding_to_the_ordinary_samples_in_the_end() -> None:
    found = wanted([(100 * i + j, j == 0) for i in range(1, 30) for j in range(2)])
    assert not found[-2].watch


def test_what_was_found_is_watched_for_a_while() -> None:
    steps = [(step, True) for step in range(5)]
    later = [(10 * step, True) for step in range(1, 30)]
    found = [one.watch for one in wanted(steps + later)]
    assert found[4]
    assert sum(found[4:]) == SERIES
    assert not found[-1]


def test_wants_no_series_to_see_what_is_due_to_another_finding_end() -> None:
    gradients = {"act_grad_rms": SHARE, "act_grad_norm": SHARE}
    history, engine = History(), Engine()
    for number in range(120):
        moves = 1e-3 * (SHARE if number < 100 else np.ones(DEPTH))
        values = healthy(DEPTH, update_ratio=moves, **gradients)
        history.append(frame(100 * number, LAYERS, values))
        engine.update(history)
        if number == 99:
            assert found(engine)[Symptom.EARLY_LAYERS_FROZEN] is Symptom.VANISHING_GRADIENTS
        assert number < 99 or not engine.wanted.series
    assert found(engine) == {Symptom.VANISHING_GRADIENTS: None}


def found(engine: Engine) -> dict[Symptom, Symptom | None]:
    """What is found at present, each with what it is due to."""
    return {one.symptom: one.because for one in engine.findings if one.active}


def test_wants_nothing_on_a_healthy_run() -> None:
    assert set(wanted([(step, False) for step in range(30)])) == {Wanted()}


@given(shown=st.lists(st.booleans(), max_size=150))
def test_never_wants_more_series_than_ordinary_samples_have_given_back(shown: list[bool]) -> None:
    suspicion, found = Suspicion(), 0
    for number, is_shown in enumerate(shown, 1):
        suspects = [Symptom.DEAD_RELU] if is_shown else []
        found += suspicion.wanted(suspects, apart=True, opened=False).series
        clean = number - sum(shown[:number])
        assert found <= SERIES_IN_A_ROW + clean / SERIES
