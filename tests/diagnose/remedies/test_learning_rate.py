"""A lower or higher learning rate, by a factor."""

from __future__ import annotations

import pytest
import torch

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.learning_rate import learning_rate
from gradwidget.frame import Wiring
from tests.support.frames import chain, healthy, judge


def window_of(**scalars: float) -> Window:
    figures = healthy(3)
    figures["scalars"] = scalars
    return Window(judge(3, chain(3), figures)[1])


def offered(factor: float, **scalars: float) -> Remedy:
    remedy = learning_rate(window_of(**scalars), factor, "")
    assert remedy is not None
    return remedy


@pytest.mark.parametrize(
    ("factor", "known", "unknown"),
    [
        (0.1, "Lower the learning rate to 0.02", "Lower the learning rate, 10× lower"),
        (100.0, "Raise the learning rate to 20", "Raise the learning rate, 100× higher"),
    ],
)
def test_the_title_gives_the_new_rate_where_the_old_one_is_known(
    factor: float, known: str, unknown: str
) -> None:
    assert offered(factor, lr=0.2).title == known
    assert offered(factor).title == unknown


def test_the_code_changes_every_group() -> None:
    groups = [{"params": [torch.ones(1)], "lr": 0.2}, {"params": [torch.ones(1)], "lr": 0.02}]
    optimizer = torch.optim.SGD(groups)
    remedy = offered(0.1, lr=0.2)
    exec(remedy.code, {"optimizer": optimizer})  # noqa: S102 - that is what it is for
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.02, 0.002])
    assert remedy.action == {"kind": "scale_lr", "factor": 0.1}


@pytest.mark.parametrize(
    ("lr", "factor", "names", "title"),
    [
        (1e15, 1e-19, ("Adam",), "Start again with a learning rate of 0.001"),
        (1e15, 1e-19, ("SGD",), "Start again with a learning rate of 0.01"),
        (1e-12, 1e9, ("SGD",), "Start again with a learning rate of 0.01"),
        (1e-3, 1e-19, ("SGD",), None),
        (0.1, 1e9, ("SGD",), None),
    ],
)
def test_an_absurd_factor_is_no_advice(
    lr: float, factor: float, names: tuple[str, ...], title: str | None
) -> None:
    figures = healthy(3, scalars={"lr": lr}, wiring=Wiring(optimizers=names))
    remedy = learning_rate(Window(judge(3, chain(3), figures)[1]), factor, "")
    assert (remedy.title if remedy else None) == title
