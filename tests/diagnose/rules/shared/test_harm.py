"""The level of a loss in words, and since when it has been there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.rules.shared.harm import in_words, there_since
from gradwidget.frame import Layer, Wiring
from gradwidget.record.history import History
from tests.support.frames import chain, frame, moving

CLASSES = Wiring(loss_path=("nll_loss", "log_softmax"))
CHANCE = float(np.log(5))


def window_of(loss: Callable[[int], float], steps: int = 200, path: Wiring = CLASSES) -> Window:
    """A classifier of five classes with these losses."""
    head = Layer("head", "Linear", {"weight": (5, 16), "bias": (5,)})
    history = History()
    for step in range(steps):
        history.losses.extend([step], [loss(step)])
        figures = {**moving(3, 1e-3, loss=loss(step)), "wiring": path}
        history.append(frame(step, (*chain(3)[:-1], head), figures))
    return Window(history)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (1.6, 1.6, "is still 1.6 (1.6 at the start)"),
        (2.6, CHANCE, "is still 1.6, about what a constant answer gets (2.6 at the start)"),
        (2.6, 2.2, "is still 2.2 (2.6 at the start)"),
        (30.0, 4.5, "has come down to 4.5 and stays there (30 at the start)"),
        (-0.61, -0.00004, "has risen to -4.0×10⁻⁵ (-0.61 at the start)"),
        (1.6, 9.0, "has risen to 9 (1.6 at the start)"),
    ],
)
def test_what_became_of_it_agrees_with_where_it_began(start: float, end: float, words: str) -> None:
    window = window_of(lambda step: start if step < 60 else end)
    assert in_words(window, window.level) == words


def test_other_losses_have_no_constant_answer() -> None:
    window = window_of(lambda step: 2.6 if step < 60 else CHANCE, path=Wiring())
    assert "constant" not in in_words(window, window.level)


def test_a_loss_that_never_fell_has_been_there_since_the_first_step() -> None:
    assert there_since(window_of(lambda step: 1.6 + 0.1 * np.sin(step))) == 0
    assert there_since(window_of(lambda step: 1.6 - 0.0005 * step)) == 0


def test_one_that_came_down_to_chance_has_been_there_since_then() -> None:
    def falls(step: int) -> float:
        return max(CHANCE, 5.0 - 0.1 * step) + 0.05 * float(np.sin(5 * step))

    # It is within a tenth of 1.6 from about 1.77 on, which is at step 32.
    assert abs(there_since(window_of(falls)) - 32) <= 5
