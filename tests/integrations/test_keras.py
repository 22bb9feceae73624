"""The callback for Keras, in a real ``fit`` with torch as the backend."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="`make integrations` installs it")

from gradwidget.diagnose.finding import Symptom
from gradwidget.integrations.keras import GradCallback

X = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
Y = X[:, :1]


def network(depth: int, activation: str) -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, activation=activation) for _ in range(depth)]
    model = keras.Sequential([keras.Input((8,)), *layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


def test_layers_steps_and_figures_are_those_of_the_model() -> None:
    model, callback = network(3, "relu"), GradCallback(budget=None)
    history = model.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[callback])
    monitor = callback.monitor
    assert monitor is not None
    assert monitor.closed
    assert monitor.problems == []
    assert monitor.history.steps.tolist() == list(range(8))
    kernels = [one.path for one in model.trainable_variables if one.path.endswith("kernel")]
    assert [layer.name for layer in monitor.layers] == [f"_torch_params.{one}" for one in kernels]
    assert sum(layer.parameter_count for layer in monitor.layers) == model.count_params()
    assert monitor.history.scalars["lr"].tolist() == pytest.approx([0.05] * 8)
    assert len(history.history["gradwidget/total_grad_norm"]) == 2


def test_twenty_sigmoid_layers_vanish_and_stop_the_training_if_asked() -> None:
    model, callback = network(20, "sigmoid"), GradCallback(budget=None, stop_on_critical=True)
    model.fit(X, Y, batch_size=8, epochs=8, verbose=0, callbacks=[callback])
    assert callback.monitor is not None
    assert callback.monitor.findings[0].symptom is Symptom.VANISHING_GRADIENTS
    assert len(callback.monitor.history.steps) < 64
