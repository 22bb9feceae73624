"""The figures of the targets are those of what the loss was given."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD

Watch = Callable[..., Any]


def targets(watch: Watch, *losses: Callable[[Tensor], Tensor], width: int = 5) -> dict[str, float]:
    """What one step shows of them, in which each loss of 16 outputs has a pass of its own."""
    model = nn.Linear(3, width)
    capture = watch(model)
    for loss in losses:
        loss(model(torch.randn(16, 3))).backward()
    SGD(model.parameters(), lr=0.01).step()
    assert capture.problems == []
    scalars = capture.frames[0].scalars
    return {name: value for name, value in scalars.items() if name.startswith("target_")}


def of_classes(classes: list[int], **settings: Any) -> Callable[[Tensor], Tensor]:
    y = torch.tensor(classes)
    return lambda outputs: functional.cross_entropy(outputs[: len(y)], y, **settings)


def test_of_classes_they_are_counted(watch: Watch) -> None:
    assert targets(watch, of_classes([4, 0, 2, 2] * 4)) == {
        "target_classes": 3,
        "target_class_min": 0,
        "target_class_max": 4,
    }


def test_of_one_class_it_is_told_which(watch: Watch) -> None:
    assert targets(watch, of_classes([3] * 16)) == {"target_classes": 1, "target_class": 3}


def test_what_the_loss_ignores_is_no_class(watch: Watch) -> None:
    found = targets(watch, of_classes([-100, 3] * 8))
    assert found == {"target_classes": 1, "target_class": 3}
    found = targets(watch, of_classes([4, 3] * 8, ignore_index=4))
    assert found == {"target_classes": 1, "target_class": 3}


def test_of_several_passes_all_count(watch: Watch) -> None:
    assert targets(watch, of_classes([3] * 16), of_classes([1] * 16)) == {
        "target_classes": 2,
        "target_class_min": 1,
        "target_class_max": 3,
    }


@pytest.mark.parametrize("classes", [[3] * 7, [3] * 7 + [-100] * 9, [-100] * 16])
def test_a_few_samples_tell_nothing(watch: Watch, classes: list[int]) -> None:
    assert targets(watch, of_classes(classes)) == {}


@pytest.mark.parametrize(
    "loss",
    [
        functional.mse_loss,
        functional.smooth_l1_loss,
        functional.huber_loss,
        functional.binary_cross_entropy_with_logits,
        lambda outputs, y: functional.binary_cross_entropy(outputs.sigmoid(), y),
        lambda outputs, y: 0.5 * functional.mse_loss(outputs, y) / 4 + outputs.square().mean(),
    ],
)
def test_of_numbers_their_range_is_known(
    watch: Watch, loss: Callable[[Tensor, Tensor], Tensor]
) -> None:
    y = torch.rand(16, 5)
    found = targets(watch, lambda outputs: loss(outputs, y))
    assert [found["target_min"], found["target_max"]] == [float(y.min()), float(y.max())]


@pytest.mark.parametrize(
    "loss", [functional.mse_loss, functional.smooth_l1_loss, functional.huber_loss]
)
def test_they_may_be_given_first(watch: Watch, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    y = torch.randn(16, 5) + torch.arange(5)
    found = targets(watch, lambda outputs: loss(y, outputs))
    assert [found["target_min"], found["target_max"]] == [float(y.min()), float(y.max())]
    constant, share, outputs = explained(watch, lambda outputs: loss(y, outputs))
    from_the_mean = float(loss(y.mean(0).expand(16, 5), y)) * 16 / 15
    assert constant == pytest.approx(from_the_mean)
    assert share == pytest.approx(1 - float(loss(outputs, y)) / from_the_mean, abs=1e-5)


def test_a_pass_of_another_model_does_not_count(watch: Watch) -> None:
    model, other = nn.Linear(3, 5), nn.Linear(3, 5)
    capture = watch(model)
    functional.mse_loss(other(torch.randn(16, 3)), torch.full((16, 5), 9.0)).backward()
    functional.mse_loss(model(torch.randn(16, 3)), torch.ones(16, 5)).backward()
    SGD(model.parameters(), lr=0.01).step()
    assert capture.frames[0].scalars["target_max"] == 1


def test_gradients_that_are_cleared_take_their_targets_with_them(watch: Watch) -> None:
    model = nn.Linear(3, 5)
    capture = watch(model)
    for size in (9.0, 1.0):
        model.zero_grad()
        functional.mse_loss(model(torch.randn(16, 3)), torch.full((16, 5), size)).backward()
    SGD(model.parameters(), lr=0.01).step()
    assert capture.frames[0].scalars["target_max"] == 1


def test_nan_and_what_a_hook_has_packed_away_are_left_out(watch: Watch) -> None:
    assert (
        targets(watch, lambda out: functional.mse_loss(out, torch.full((16, 5), torch.nan))) == {}
    )
    with torch.autograd.graph.save_on_cpu():
        assert targets(watch, lambda out: functional.mse_loss(out, torch.ones(16, 5))) == {}


def test_no_target_is_kept_alive(watch: Watch) -> None:
    alive: list[weakref.ref[Tensor]] = []

    def loss(outputs: Tensor) -> Tensor:
        y = torch.ones(16, 5)
        alive.append(weakref.ref(y))
        return functional.mse_loss(outputs, y)

    targets(watch, loss)
    assert alive[0]() is None


Errors = Callable[[Tensor, Tensor], Tensor]


def explained(
    watch: Watch, loss: Callable[[Tensor], Tensor], passes: int = 1
) -> tuple[float | None, float | None, Tensor]:
    """The error of a constant answer and the share that is explained; with the outputs."""
    model = nn.Linear(3, 5)
    capture = watch(model)
    outputs = torch.empty(0)
    for _ in range(passes):
        outputs = model(torch.randn(16, 3))
        loss(outputs).backward()
    SGD(model.parameters(), lr=0.01).step()
    assert capture.problems == []
    scalars = capture.frames[0].scalars
    return scalars.get("constant_error"), scalars.get("explained_share"), outputs.detach()


def test_their_mean_and_deviation_are_known_where_one_error_is_all_of_the_loss(
    watch: Watch,
) -> None:
    y = 1000 * torch.rand(16, 5)
    both = {"target_mean": float(y.mean()), "target_std": float(y.std())}
    found = targets(watch, lambda outputs: functional.mse_loss(outputs, y) / 2)
    assert {name: found[name] for name in both} == pytest.approx(both)
    found = targets(watch, lambda outputs: functional.mse_loss(outputs, y) + outputs.abs().mean())
    assert both.keys().isdisjoint(found)


def test_of_squared_errors_a_constant_answer_gets_the_variance_of_each_column(watch: Watch) -> None:
    y = torch.randn(16, 5) + torch.arange(5)
    constant, share, outputs = explained(watch, lambda outputs: functional.mse_loss(outputs, y))
    variance = float(y.var(0).mean())
    assert constant == pytest.approx(variance)
    assert share == pytest.approx(1 - float((outputs - y).square().mean()) / variance, abs=1e-5)


@pytest.mark.parametrize("errors", [nn.SmoothL1Loss(beta=0.3), nn.HuberLoss(delta=0.3)])
def test_of_other_errors_it_gets_what_they_are_from_the_mean(watch: Watch, errors: Errors) -> None:
    y = torch.randn(16, 5) + torch.arange(5)
    constant, share, outputs = explained(watch, lambda outputs: errors(outputs, y))
    from_the_mean = float(errors(y.mean(0).expand(16, 5), y)) * 16 / 15
    assert constant == pytest.approx(from_the_mean)
    assert share == pytest.approx(1 - float(errors(outputs, y)) / from_the_mean, abs=1e-5)


def test_what_is_explained_does_not_depend_on_the_scale_of_the_loss(watch: Watch) -> None:
    y = torch.randn(16, 5)
    for loss in (
        lambda outputs: functional.mse_loss(outputs, y) / 4,
        lambda outputs: functional.mse_loss(outputs, y, reduction="sum"),
        lambda outputs: functional.mse_loss(outputs, y, reduction="none").mean(),
    ):
        _, share, outputs = explained(watch, loss)
        error, variance = float((outputs - y).square().mean()), float(y.var(0).mean())
        assert share == pytest.approx(1 - error / variance, abs=1e-5)


def test_of_several_passes_the_errors_are_averaged(watch: Watch) -> None:
    targets = [torch.randn(16, 5), 3 * torch.randn(16, 5)]
    variance = sum(float(y.var(0).mean()) for y in targets) / 2
    left = list(targets)
    constant, _, _ = explained(watch, lambda outputs: functional.mse_loss(outputs, left.pop()), 2)
    assert constant == pytest.approx(variance)


def test_where_the_errors_are_not_all_of_the_loss_nothing_is_known_of_it(watch: Watch) -> None:
    y = torch.randn(16, 5)
    for loss in (
        lambda outputs: functional.mse_loss(outputs, y) + outputs.square().mean(),
        lambda outputs: functional.mse_loss(outputs, torch.ones(16, 5)),
        lambda outputs: functional.mse_loss(outputs[:7], y[:7]),
    ):
        assert explained(watch, loss)[:2] == (None, None)
