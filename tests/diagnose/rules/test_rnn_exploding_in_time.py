"""Gradients that explode along time."""

from __future__ import annotations

import numpy as np
import torch

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.rnn_exploding_in_time import rnn_exploding_in_time
from gradwidget.frame import RecurrentProfile
from tests.diagnose.recurrent import (
    BothWays,
    judged,
    judged_together,
    over_time,
    relu_stack,
    run_of,
    stack,
    trained,
)
from tests.support.frames import found, only


def test_exploding_along_time_names_the_layer() -> None:
    finding = only(judged(over_time(1e5)))
    assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME
    assert finding.reported_step <= 5


def test_the_ratio_is_that_of_the_ends_of_the_sequence() -> None:
    norms = np.geomspace(1000, 1, 40, dtype=np.float32)
    norms[:5], norms[-5:] = 1000, 1  # an eighth each
    _, history = run_of(RecurrentProfile("rnn", "dL/dh", norms))
    detection = rnn_exploding_in_time(Window(history), None)
    assert detection is not None
    assert detection.layers == ("rnn",)
    assert detection.evidence["value"] == 1000
    assert "is 1,000× that of the last" in detection.message


def test_silent_on_some_growth() -> None:
    assert found(judged(over_time(20))) == set()


def test_padding_at_the_ends_is_no_explosion() -> None:
    norms = np.ones(40, np.float32)
    norms[-3:] = 1e-6
    assert found(judged(norms)) == set()


def test_a_loss_that_is_left_at_the_first_time_steps_alone_is_no_explosion() -> None:
    norms = np.ones(40, np.float32)
    norms[:4] = [1000, 500, 100, 10]
    assert found(judged(norms)) == set()


def test_a_loss_of_the_last_time_steps_that_is_next_to_nothing_is_no_explosion() -> None:
    # A decoder with a loss at every step that has learned the last ones best: alike before them.
    assert found(judged(np.array([84, 222, 61, 87, 4, 1], np.float32))) == set()
    assert found(judged(np.array([300] * 34 + [30] + [1] * 5, np.float32))) == set()


def test_growth_over_a_few_time_steps_is_found() -> None:
    finding = only(judged(np.geomspace(200, 1, 6, dtype=np.float32)))
    assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME


def test_a_backward_direction_that_grows_by_itself_is_found_below_steady_ones() -> None:
    steady, growing = np.ones(40, np.float32), over_time(1e5)[::-1]
    finding = only(stack({False: steady, True: growing}, {False: steady, True: steady}))
    assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME


def test_explosions_of_either_direction_of_the_top_layer_are_found() -> None:
    for reverse in (False, True):
        norms = over_time(1e5)[::-1] if reverse else over_time(1e5)
        finding = only(judged_together(RecurrentProfile("rnn", "dL/dh", norms, 0, reverse)))
        assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME


def test_a_direction_that_grows_is_found_beside_a_later_module_of_other_length() -> None:
    growing = RecurrentProfile("rnn", "dL/dh", over_time(1e5)[::-1], reverse=True)
    decoder = RecurrentProfile("later", "dL/dh", over_time(1e-2)[:20])
    assert only(judged_together(growing, decoder)).symptom is Symptom.RNN_EXPLODING_IN_TIME


def test_one_exploding_direction_of_a_stack_read_everywhere_only_explodes() -> None:
    torch.manual_seed(0)
    for grown in ("weight_hh_l0_reverse", "weight_hh_l1"):
        model = BothWays(relu_stack(grown), lambda out: out.mean(1))
        assert trained(model) == {Symptom.RNN_EXPLODING_IN_TIME}


def test_the_first_profile_alone_is_enough_where_it_is_beyond_doubt() -> None:
    def reported(ratio: float) -> int | None:
        engine, _ = run_of(RecurrentProfile("rnn", "dL/dh", over_time(ratio)), steps=1)
        return engine.findings[0].reported_step if engine.findings else None

    assert reported(1e7) == 0
    assert reported(1e4) is None
