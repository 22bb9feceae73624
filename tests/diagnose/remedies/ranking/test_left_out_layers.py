"""Remedies for layers that training leaves out, carried out on the loop that left them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Finding, Remedy, Symptom
from gradwidget.diagnose.remedies.add_to_optimizer import add_to_optimizer
from gradwidget.diagnose.remedies.freeze import freeze
from gradwidget.diagnose.remedies.normalize import normalize
from gradwidget.frame import LOSS, Layer, Wiring
from gradwidget.monitor import GradMonitor
from tests.support.frames import chain, healthy, judge

torch.set_num_threads(1)


def found(monitor: GradMonitor) -> Finding:
    return next(one for one in monitor.findings if one.symptom is Symptom.NOT_IN_OPTIMIZER)


def run(remedy: Remedy, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for


def is_freezing_offered(named: Sequence[str], feeds: dict[str, tuple[str, ...]]) -> bool:
    layers = chain(4)
    figures = healthy(4, wiring=Wiring(feeds=feeds))
    window = Window(judge(5, layers, figures)[1])
    return freeze([layer for layer in layers if layer.name in named], window) is not None


IN_A_ROW = {"fc0": ("fc1",), "fc1": ("fc2",), "fc2": ("fc3",), "fc3": (LOSS,)}
ACTOR_AND_CRITIC = {"fc0": ("fc1",), "fc1": (LOSS,), "fc2": ("fc3",), "fc3": (LOSS,)}
WITHOUT_FC0 = {"fc1": ("fc2",), "fc2": ("fc3",), "fc3": (LOSS,)}


@pytest.mark.parametrize(
    ("named", "feeds", "offered"),
    [
        (["fc3"], IN_A_ROW, True),
        (["fc0", "fc1", "fc2", "fc3"], IN_A_ROW, False),
        (["fc0", "fc1", "fc2", "fc3"], {}, False),
        (["fc0"], {}, True),
        # The loss of the actor would have nothing left to train.
        (["fc0", "fc1"], ACTOR_AND_CRITIC, False),
        (["fc1"], ACTOR_AND_CRITIC, True),
        # No loss depends on it.
        (["fc0"], WITHOUT_FC0, True),
    ],
)
def test_freezing_is_offered_where_every_loss_keeps_something_to_train(
    named: list[str],
    feeds: dict[str, tuple[str, ...]],
    offered: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert is_freezing_offered(named, feeds) == offered


class Game(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 4))
        self.judge = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))


def play(model: Game, judges: torch.optim.Optimizer, makers: torch.optim.Optimizer) -> Finding:
    generator = torch.Generator().manual_seed(0)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(40):
            noise = torch.randn(32, 4, generator=generator)
            model.zero_grad()
            fake = model.maker(noise).detach()
            real = 1 + 0.1 * torch.randn(32, 4, generator=generator)
            verdict = functional.softplus(model.judge(fake)) + functional.softplus(
                -model.judge(real)
            )
            verdict.mean().backward()
            judges.step()
            model.zero_grad()
            functional.softplus(-model.judge(model.maker(noise))).mean().backward()
            makers.step()
        return found(monitor)


def test_an_optimizer_that_holds_the_judge_of_another_one_is_given_the_maker_instead() -> None:
    torch.manual_seed(0)
    model = Game()
    judges = torch.optim.Adam(model.judge.parameters(), lr=1e-3)
    makers = torch.optim.Adam(model.judge.parameters(), lr=1e-3)
    sick = play(model, judges, makers)
    assert sick.layers == ("maker.0", "maker.2")
    _, remedy, *_ = sick.remedies
    run(remedy, model, makers)
    [group] = makers.param_groups
    assert {id(one) for one in group["params"]} == {id(one) for one in model.maker.parameters()}
    assert group["lr"] == 1e-3
    before = [one.detach().clone() for one in model.maker.parameters()]
    with pytest.raises(StopIteration):  # nothing is left out any more
        play(model, judges, makers)
    assert not any(map(torch.equal, before, model.maker.parameters()))


def test_layers_that_came_from_elsewhere_are_started_afresh() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.05)
    nn.init.constant_(model[1].get_parameter("weight"), 8.0)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(30):
            optimizer.zero_grad()
            model(torch.randn(16, 8)).square().mean().backward()
            optimizer.step()
        sick = found(monitor)
    remedy = next(one for one in sick.remedies if "start them afresh" in one.title)
    run(remedy, model, optimizer)
    assert torch.equal(model[1].get_parameter("weight"), torch.ones(8))
    held = {id(one) for group in optimizer.param_groups for one in group["params"]}
    assert held == {id(one) for one in model.parameters()}


FC1 = Layer("1", "Linear", {"weight": (8, 8), "bias": (8,)})
HEAD = Layer("2", "Linear", {"weight": (3, 8), "bias": (3,)})


def added_norms() -> Remedy:
    remedy = normalize([FC1, HEAD], "why")
    assert remedy is not None
    return remedy


@pytest.mark.parametrize("remedy", [add_to_optimizer([HEAD]), added_norms()], ids=lambda r: r.title)
@pytest.mark.parametrize(
    "schedule",
    [
        lambda one: torch.optim.lr_scheduler.OneCycleLR(one, 0.1, total_steps=20),
        lambda one: torch.optim.lr_scheduler.CosineAnnealingLR(one, 20),
        lambda one: torch.optim.lr_scheduler.LambdaLR(one, lambda step: 1 / (1 + step)),
    ],
)
def test_what_an_optimizer_is_given_follows_its_schedule(
    remedy: Remedy,
    schedule: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler],
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model[:2].parameters(), lr=0.1)
    scheduler = schedule(optimizer)
    run(remedy, model, optimizer)
    rates = set()
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.randn(4, 8)).square().mean().backward()
        optimizer.step()
        scheduler.step()
        rates.add(tuple(group["lr"] for group in optimizer.param_groups))
    assert all(len(set(of_groups)) == 1 for of_groups in rates)
    assert len(rates) == 5
