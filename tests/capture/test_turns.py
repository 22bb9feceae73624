"""Recurrent layers are followed along time where it tells something, and not so often that it costs much."""

from __future__ import annotations

from gradwidget.capture.turns import EVERY, FIRST, Turns


def test_the_first_steps_that_are_looked_at_are_all_followed() -> None:
    turns = Turns()
    assert all(turns.take(step) for step in range(FIRST))


def test_later_a_step_is_followed_only_after_a_while() -> None:
    turns = Turns()
    steps = [step for step in range(FIRST + 3 * EVERY) if turns.take(step)]
    assert steps[FIRST:] == [FIRST - 1 + EVERY, FIRST - 1 + 2 * EVERY, FIRST - 1 + 3 * EVERY]


def test_steps_that_are_looked_at_alone_are_all_followed() -> None:
    turns = Turns()
    assert all(turns.take(step) for step in range(0, 100, 2))


def test_while_something_looks_wrong_every_step_is_followed() -> None:
    turns = Turns()
    for step in range(2 * FIRST):
        turns.take(step)
    turns.force(2 * FIRST + 5)
    assert [turns.take(2 * FIRST + step) for step in range(7)] == [True] * 5 + [False] * 2
