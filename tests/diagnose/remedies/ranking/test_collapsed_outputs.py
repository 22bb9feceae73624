"""What helps where outputs have become alike depends on what the loss is made of."""

from __future__ import annotations

import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection
from gradwidget.diagnose.remedies.ranking.collapsed_outputs import for_outputs_alike, has_margin
from gradwidget.frame import Wiring
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
    assert titles("rsub", "mean", "sum", drawn=1.0)[0] == "Hold different inputs apart in the loss"


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
