"""What a direction shows by itself, and what only reflects the layer above."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.shared.time_ratio import time_ratios
from gradwidget.frame import RecurrentProfile
from tests.diagnose.recurrent import judged_together, only_at_the_last, over_time, run_of, stack
from tests.support.frames import found, only


def test_a_direction_has_a_ratio_once_more_than_half_of_the_profiles_exist() -> None:
    profile = RecurrentProfile("rnn", "dL/dh", over_time(1e-4))
    assert time_ratios(Window(run_of(profile, steps=2)[1])) == []
    (ratio,) = time_ratios(Window(run_of(profile, steps=3)[1]))
    assert (ratio.layer, ratio.length, ratio.quantity) == ("rnn", 40, "dL/dh")
    assert ratio.steps == [2, 1, 0]
    assert ratio.by_itself == ratio.value


def test_a_backward_direction_begins_at_the_end() -> None:
    forward = RecurrentProfile("rnn", "dL/dh", over_time(1e-4))
    backward = RecurrentProfile("rnn", "dL/dh", over_time(1e-4)[::-1], reverse=True)
    one, other = time_ratios(Window(run_of(forward, backward)[1]))
    assert one.value == other.value < 1


def test_a_backward_direction_that_reflects_what_fades_above_is_no_explosion() -> None:
    fading = over_time(1e-7)
    finding = only(
        stack({False: fading, True: 0.1 * fading}, {False: fading, True: only_at_the_last()})
    )
    assert finding.symptom is Symptom.RNN_VANISHING_IN_TIME


def test_a_direction_is_no_explosion_where_the_middle_alone_is_read() -> None:
    toward, away = (
        np.geomspace(1e-4, 1, 20, dtype=np.float32),
        np.geomspace(1, 1e-7, 20, dtype=np.float32),
    )
    read, nothing = np.concatenate([toward, away]), np.zeros(20, np.float32)
    above = {False: np.concatenate([toward, nothing]), True: np.concatenate([nothing, away])}
    assert found(stack({False: read, True: np.ones(40, np.float32)}, above)) == set()


def test_a_backward_direction_that_grows_is_found_though_another_fades_above() -> None:
    """Each direction read where it ends: both ends above have their own loss, what comes in fades
    toward neither."""
    fading, growing = over_time(1e-5), over_time(1e5)[::-1]
    engine = stack(
        {False: np.ones(40, np.float32), True: growing}, {False: fading, True: fading[::-1]}
    )
    assert found(engine) == {Symptom.RNN_VANISHING_IN_TIME, Symptom.RNN_EXPLODING_IN_TIME}


def test_what_reflects_another_module_is_no_explosion_whether_that_reads_both_ways_or_one() -> None:
    fading = over_time(1e-7)
    below = (
        RecurrentProfile("rnn", "dL/dh", fading),
        RecurrentProfile("rnn", "dL/dh", 0.1 * fading, reverse=True),
    )
    forward = RecurrentProfile("later", "dL/dh", fading)
    backward = RecurrentProfile("later", "dL/dh", only_at_the_last(), reverse=True)
    for above in ((forward,), (forward, backward)):
        assert found(judged_together(*below, *above)) == {Symptom.RNN_VANISHING_IN_TIME}
