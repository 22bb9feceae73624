"""What a loss, or a step, adds up without a division."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwidget.frame import Frame
from tests.capture.collect.wiring.loop import Watch, wiring

N, CLASSES = 6, 3
LABELS = torch.arange(N) % CLASSES
AMOUNTS = torch.arange(float(N * CLASSES)).view(N, CLASSES)
Loss = Callable[[Tensor], Tensor]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (
            lambda y: functional.mse_loss(y, AMOUNTS, reduction="sum"),
            ("mse_loss", N * CLASSES, N),
        ),
        (lambda y: functional.cross_entropy(y, LABELS, reduction="sum"), ("nll_loss", N, N)),
        (lambda y: (y - AMOUNTS).square().sum(), ("sum", N * CLASSES, N)),
        (lambda y: functional.cross_entropy(y, LABELS, reduction="none").sum(), ("sum", N, N)),
        (
            lambda y: functional.mse_loss(y, AMOUNTS, reduction="sum") + 0.1 * y.abs().mean(),
            ("mse_loss", N * CLASSES, N),
        ),
        (lambda y: functional.mse_loss(y, AMOUNTS, reduction="sum") / N, None),
        (lambda y: (y - AMOUNTS).square().sum(1).mean(), None),
        (lambda y: functional.cross_entropy(y, LABELS), None),
        (lambda y: functional.cross_entropy(y, LABELS) + y.abs().sum(), None),  # or on purpose
    ],
)
def test_a_loss_that_is_a_sum_is_seen(
    watch: Watch, loss: Loss, expected: tuple[str, int, int] | None
) -> None:
    found = wiring(watch, nn.Linear(4, CLASSES), N, 4, loss=loss).obstacles.get("added up")
    assert found == (None if expected is None else tuple(map(str, expected)))


def accumulated(watch: Watch, passes: int, by: float, *, weighted: bool = False) -> Frame:
    """The last frame of a loop that adds up some passes, each of whose losses is divided."""
    model = nn.Linear(4, CLASSES)
    capture = watch(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        for _ in range(passes):
            loss = functional.cross_entropy(model(torch.randn(N, 4)), LABELS)
            if weighted:
                loss.backward(torch.tensor(1 / by))
            else:
                (loss / by if by != 1 else loss).backward()
        optimizer.step()
        optimizer.zero_grad()
    frame: Frame = capture.frames[-1]
    return frame


def test_passes_of_a_step_whose_losses_are_not_divided_are_counted(watch: Watch) -> None:
    frame = accumulated(watch, passes=4, by=1)
    assert frame.scalars["passes"] == 4
    assert frame.wiring is not None
    assert frame.wiring.obstacles["added up"] == ("nll_loss", "1", "1")


def test_passes_whose_losses_are_divided_add_up_to_an_average(watch: Watch) -> None:
    frame = accumulated(watch, passes=4, by=4)
    assert frame.wiring is not None
    assert "added up" not in frame.wiring.obstacles
    assert "passes" not in accumulated(watch, passes=4, by=4, weighted=True).scalars


def test_the_only_mean_of_a_step_adds_up_nothing(watch: Watch) -> None:
    frame = accumulated(watch, passes=1, by=1)
    assert frame.wiring is not None
    assert "added up" not in frame.wiring.obstacles
    assert "passes" not in frame.scalars


def test_passes_whose_gradients_were_cleared_do_not_count(watch: Watch) -> None:
    model = nn.Linear(4, CLASSES)
    capture = watch(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        for _ in range(5):  # as an attack on the inputs does, before the pass of the step
            optimizer.zero_grad()
            functional.cross_entropy(model(torch.randn(N, 4)), LABELS).backward()
        optimizer.step()
    assert "passes" not in capture.frames[-1].scalars
