"""What is said before the first step is over."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from gradwidget import GradMonitor
from gradwidget.capture.steps.first_step import FirstStep

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))


def loss_of(model: nn.Module) -> Tensor:
    return torch.as_tensor(model(X).square().mean())


def said(monitor: GradMonitor) -> str:
    """The first line of the report, however it is wrapped."""
    return " ".join(monitor.report().split())


def test_nothing_is_made_up_where_nothing_was_seen() -> None:
    assert said(GradMonitor(network())) == "Waiting for the first step"


def test_backward_passes_without_a_step_are_counted() -> None:
    model = network()
    monitor = GradMonitor(model)
    for _ in range(5):
        loss_of(model).backward()
    assert said(monitor) == (
        "Waiting for the first step: 5 backward passes seen, no optimizer step yet: "
        "gradwidget waits for optimizer.step()"
    )
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert "Waiting" not in said(monitor)


def test_gradients_that_were_taken_count_as_a_pass() -> None:
    model = network()
    monitor = GradMonitor(model)
    torch.autograd.grad(loss_of(model), list(model.parameters()))
    assert "1 backward pass seen, no optimizer step yet" in said(monitor)


def test_forward_passes_alone_are_told_with_and_without_gradients() -> None:
    model = network()
    monitor = GradMonitor(model)
    with torch.no_grad():
        loss_of(model)
    assert said(monitor).endswith("has run only without gradients (as under torch.no_grad)")
    loss_of(model)
    assert said(monitor).endswith("forward passes seen, but no backward pass yet")


def test_a_model_that_was_copied_is_asked_for() -> None:
    model = network()
    monitor, trained = GradMonitor(model), copy.deepcopy(model)
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
    for _ in range(3):
        loss_of(trained).backward()
        optimizer.step()
    assert said(monitor) == (
        "Waiting for the first step: 3 backward passes seen, none of which has reached a parameter "
        "of this model: was it copied, replaced or wrapped? Pass the module that the loop trains"
    )


def test_a_loss_that_is_cut_off_from_the_model_is_asked_for() -> None:
    model, scale = network(), torch.ones(1, requires_grad=True)
    monitor = GradMonitor(model)
    (model(X).detach() * scale).mean().backward()
    assert "1 backward pass seen, which has not reached a parameter of this model" in said(monitor)
    assert said(monitor).endswith("is the loss computed from its output, without detach()?")


def test_an_optimizer_of_something_else_is_told() -> None:
    model, other = network(), network()
    monitor = GradMonitor(model)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    optimizer.step()
    assert "an optimizer has stepped, but no parameter of this model" in said(monitor)
    loss_of(model).backward()
    optimizer.step()
    assert said(monitor).endswith(
        "1 backward pass seen, but the optimizer that has stepped holds none of this model's "
        "parameters"
    )


def test_an_optimizer_that_is_not_the_one_given_is_told() -> None:
    model = network()
    given = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = GradMonitor(model, given)
    loss_of(model).backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert said(monitor).endswith(
        "but the optimizer given to gradwidget has not stepped, only another one"
    )


def test_a_frozen_model_is_told() -> None:
    model = network().requires_grad_(requires_grad=False)
    monitor = GradMonitor(model)
    inputs = X.clone().requires_grad_()
    model(inputs).mean().backward()
    assert "none of the parameters watched requires a gradient" in said(monitor)


def test_it_is_still_said_once_nothing_is_watched_any_more() -> None:
    model = network()
    with GradMonitor(model) as monitor:
        loss_of(model).backward()
    assert "1 backward pass seen" in said(monitor)


@pytest.mark.parametrize("count", [1, 12_000])
def test_numbers_are_written_for_people(count: int) -> None:
    words = FirstStep(is_optimizer_given=False).awaits((), count)
    assert words.startswith("1 backward pass seen" if count == 1 else "12,000 backward passes seen")
