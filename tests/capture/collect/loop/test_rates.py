"""Every rate of a step, as the optimizers have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from gradwidget import GradMonitor
from gradwidget.capture.collect.loop.rates import MOST

Watch = Callable[..., Any]


def rates(watch: Watch, model: nn.Module, *optimizers: Optimizer) -> list[dict[str, float]]:
    """The scalars of rates after each of three steps, before each of which all are halved."""
    capture = watch(model)
    for _ in range(3):
        model.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        for one in optimizers:
            one.step()
        for one in optimizers:
            for group in one.param_groups:
                group["lr"] = group["lr"] / 2
    return [
        {name: value for name, value in frame.scalars.items() if name.split("/")[0] == "lr"}
        for frame in capture.frames
    ]


def network(layers: int = 3) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(6, 6) for _ in range(layers)))


def test_those_of_several_optimizers_and_groups(watch: Watch) -> None:
    model = network()
    groups: list[dict[str, Any]] = [
        {"params": model[1].parameters(), "lr": 0.2},
        {"params": model[2].parameters()},
    ]
    found = rates(watch, model, SGD(model[0].parameters(), lr=0.4), AdamW(groups, lr=0.1))
    first = {"lr": 0.4, "lr/AdamW": 0.2, "lr/AdamW/2": 0.1}
    for number, one in enumerate(found):
        assert one == pytest.approx({name: rate / 2**number for name, rate in first.items()})


def test_a_number_that_several_have_is_told_once(watch: Watch) -> None:
    model = network()
    each = [SGD([one], lr=0.1) for one in model.parameters()]
    assert rates(watch, model, *each)[0] == {"lr": pytest.approx(0.1)}


def test_an_optimizer_a_parameter_has_no_endless_list(watch: Watch) -> None:
    model = network(20)
    each = [SGD([one], lr=0.1 * 0.9**n) for n, one in enumerate(model.parameters())]
    found = rates(watch, model, *each)[0]
    assert list(found.values()) == pytest.approx([0.1 * 0.9**n for n in range(MOST)])


def test_a_rate_that_is_a_tensor_is_the_number_that_it_was_made_of(watch: Watch) -> None:
    model = network(2)
    first = SGD(model[0].parameters(), lr=0.1)
    second = AdamW(model[1].parameters(), lr=torch.tensor(0.1), foreach=False)
    assert rates(watch, model, first, second)[0] == {"lr": pytest.approx(0.1)}


def test_the_report_gives_all() -> None:
    model = network(2)
    both = [SGD(model[0].parameters(), lr=0.02), AdamW(model[1].parameters(), lr=0.001)]
    with GradMonitor(model, budget=None) as monitor:
        model(torch.randn(4, 6)).square().mean().backward()
        for one in both:
            one.step()
    assert "learning rate 0.02 (AdamW 0.001)" in monitor.report().replace("0.020", "0.02")
