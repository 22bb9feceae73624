"""Gradients that vanish along time."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.rnn_vanishing_in_time import rnn_vanishing_in_time
from gradwidget.frame import RecurrentProfile
from tests.diagnose.recurrent import BothWays, judged, over_time, run_of, stack, trained
from tests.support.frames import found, only


def test_vanishing_along_time_names_the_layer() -> None:
    finding = only(judged(over_time(1e-7)))
    assert finding.symptom is Symptom.RNN_VANISHING_IN_TIME
    assert finding.layers == ("rnn",)
    assert "first of 40 time steps" in finding.message


def test_the_ratio_is_that_of_the_ends_of_the_sequence() -> None:
    norms = np.linspace(1, 2, 40, dtype=np.float32)
    norms[:5], norms[-5:] = 1e-5, 1  # an eighth each
    _, history = run_of(RecurrentProfile("rnn", "dL/dh", norms))
    detection = rnn_vanishing_in_time(Window(history), None)
    assert detection is not None
    assert abs(detection.evidence["value"] - 1e-5) < 1e-10
    assert "100,000 times less gradient than the last" in detection.message


def test_no_gradient_at_all_is_said_as_such() -> None:
    norms = np.ones(40, np.float32)
    norms[:10] = 0
    _, history = run_of(RecurrentProfile("rnn", "dL/dh", norms))
    detection = rnn_vanishing_in_time(Window(history), None)
    assert detection is not None
    assert "gets no gradient although there is some at the last" in detection.message


def test_silent_on_some_decay() -> None:
    assert found(judged(over_time(0.05))) == set()


def test_short_sequences_and_empty_gradients_say_nothing() -> None:
    assert found(judged(np.array([1e-9, 1], np.float32))) == set()
    assert found(judged(np.zeros(40, np.float32))) == set()


def test_a_backward_direction_that_reflects_an_explosion_above_does_not_vanish() -> None:
    steady, growing = np.ones(40, np.float32), over_time(1e5)
    finding = only(stack({False: growing, True: growing}, {False: growing, True: steady}))
    assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME


def test_a_stack_read_at_its_last_output_alone_only_vanishes() -> None:
    torch.manual_seed(0)
    gru = nn.GRU(4, 16, 2, batch_first=True, bidirectional=True)
    assert trained(BothWays(gru, lambda out: out[:, -1])) == {Symptom.RNN_VANISHING_IN_TIME}
