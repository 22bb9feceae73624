"""Recurrent layers: the gradient over time steps."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import FloatArray, Frame, Layer, RecurrentProfile
from gradwidget.record.history import History
from tests.diagnose.frames import found, only

LAYERS = (
    Layer("rnn", "RNN", {"weight_ih_l0": (8, 4), "weight_hh_l0": (8, 8)}),
    Layer("head", "Linear", {"weight": (2, 8)}),
)


def judged(norms: FloatArray, steps: int = 12) -> Engine:
    history, engine = History(), Engine()
    profile = RecurrentProfile("rnn", "dL/dh", norms)
    for step in range(steps):
        metrics = {"grad_norm": np.ones(2, np.float32)}
        history.append(Frame(step, LAYERS, metrics, scalars={"loss": 1.0}, recurrent=(profile,)))
        engine.update(history)
    return engine


def over_time(ratio: float) -> FloatArray:
    return np.geomspace(ratio, 1, 40).astype(np.float32)


def test_vanishing_along_time_names_the_layer() -> None:
    finding = only(judged(over_time(1e-7)))
    assert finding.symptom is Symptom.RNN_VANISHING_IN_TIME
    assert finding.layers == ("rnn",)
    assert "first of 40 time steps" in finding.message


def test_exploding_along_time_names_the_layer() -> None:
    finding = only(judged(over_time(1e5)))
    assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME
    assert finding.reported_step <= 5


def test_silent_on_some_decay_and_some_growth() -> None:
    assert found(judged(over_time(0.05))) == set()
    assert found(judged(over_time(20))) == set()


def test_padding_at_the_ends_is_no_explosion() -> None:
    norms = np.ones(40, np.float32)
    norms[-3:] = 1e-6
    assert found(judged(norms)) == set()


def test_a_loss_that_is_left_at_the_first_time_steps_alone_is_no_explosion() -> None:
    norms = np.ones(40, np.float32)
    norms[:4] = [1000, 500, 100, 10]
    assert found(judged(norms)) == set()


def test_short_sequences_and_empty_gradients_say_nothing() -> None:
    assert found(judged(np.array([1e-9, 1], np.float32))) == set()
    assert found(judged(np.zeros(40, np.float32))) == set()
