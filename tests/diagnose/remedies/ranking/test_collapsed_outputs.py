"""What helps where outputs have become alike depends on what the loss is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection
from gradwidget.diagnose.remedies.look_at_spread import look_at_spread
from gradwidget.diagnose.remedies.ranking.collapsed_outputs import for_outputs_alike, has_margin
from gradwidget.frame import LOSS, Layer, Wiring
from tests.support.frames import chain, healthy, judge

DEPTH = 4


def titles(*path: str, first_step: int = 5, **evidence: float) -> list[str]:
    wiring = Wiring(loss_path=path)
    window = Window(judge(30, chain(DEPTH), healthy(DEPTH, wiring=wiring))[1])
    detection = Detection("warning", "", ("fc3",), first_step, evidence, "")
    return [one.title for one in for_outputs_alike(detection, window) if one is not None]


def test_under_a_margin_other_negatives_come_first_then_a_lower_rate_and_one_length() -> None:
    path = ("mean", "relu", "add", "sub", "sqrt")
    assert titles(*path, drawn=1.0)[:3] == [
        "Use semi-hard or random negatives",
        "Lower the learning rate to 0.01",
        "Normalize the embeddings",
    ]
    assert "Normalize the embeddings" not in titles(*path, "div", drawn=1.0)


def test_under_another_loss_of_pairs_something_has_to_hold_them_apart() -> None:
    assert titles("rsub", "mean", "sum", drawn=1.0)[0] == "Keep different inputs apart in the loss"


def test_a_skip_connection_is_advised_first_only_where_it_was_so_from_the_start() -> None:
    assert titles(first_step=0)[0] == "Add a skip connection around each block"
    assert titles(drawn=0.0)[0] == (
        "Reinitialize fc0, fc1, fc2 and 1 more, and lower the learning rate to 0.01"
    )


@pytest.mark.parametrize(
    "path",
    [
        ("mean", "index", "relu", "add", "sub", "cdist"),
        ("mean", "clamp_min", "add", "sub", "norm"),
        ("mean", "add", "mul", "pow", "euclidean_dist", "clamp_min", "rsub", "sum"),
    ],
)
def test_a_margin_is_a_hinge_on_differences_of_distances(path: tuple[str, ...]) -> None:
    assert has_margin(Wiring(loss_path=path))


@pytest.mark.parametrize(
    "path",
    [
        ("mean", "relu", "rsub", "mul"),
        ("mean", "mse_loss", "relu"),
        ("nll_loss", "log_softmax", "mm", "div", "clamp_min", "linalg_vector_norm"),
        (),
    ],
)
def test_no_other_hinge_is_a_margin(path: tuple[str, ...]) -> None:
    assert not has_margin(Wiring(loss_path=path))


def test_no_skip_connection_is_advised_where_the_layers_are_inside_of_some() -> None:
    feeds = {
        "fc0": ("fc1", "fc2"),
        "fc1": ("fc2",),
        "fc2": ("fc3", "fc4"),
        "fc3": ("fc4",),
        "fc4": (LOSS,),
    }
    wiring = Wiring(feeds=feeds)
    window = Window(judge(30, chain(5), healthy(5, wiring=wiring))[1])
    assert np.flatnonzero(window.paths.bypassed).tolist() == [1, 3]
    detection = Detection("warning", "", ("fc4",), 0, {}, "")
    found = [one.title for one in for_outputs_alike(detection, window) if one is not None]
    assert found[0] == "Look where the inputs become alike"
    assert not any("skip" in title for title in found)


def test_its_code_prints_how_much_differs_at_each_layer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    layers = [Layer(name, "Linear", {"weight": (4, 4)}) for name in ("0", "2")]
    exec(look_at_spread(layers).code, {"model": model, "torch": torch})  # noqa: S102  # our own code
    for _ in range(2):
        model(torch.ones(5, 3))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "0 gets (5, 3): 0.0% of it differs"
    assert len(printed) == 4
