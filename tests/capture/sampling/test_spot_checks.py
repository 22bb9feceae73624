from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.sampling.budget import Budget
from gradwidget.capture.sampling.spot_checks import MOST, TOKENS, WEIGHT_TOKENS, SpotChecks

Change = Callable[["Looked"], None]

PROMPT = 8
"""Steps in which every parameter of the model below has had its turn."""


class Looked:
    """A small model whose gradients are set by hand, looked at step by step."""

    def __init__(self, share: float | None = None) -> None:
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 4)
        self.model = nn.Sequential(self.first, nn.ReLU(), self.last)
        self.optimizer = SGD(self.model.parameters(), lr=0.1)
        self.budget = Budget(share)
        table = LayerTable(self.model, None)
        self.glances = SpotChecks(self.budget, table)
        self.owned = list(range(len(table.parameters)))
        for one in self.model.parameters():
            one.grad = torch.randn_like(one)

    def changed(self) -> bool:
        return self.glances.see_changed(self.optimizer, self.owned)

    def noticed(self, steps: int) -> int:
        """In how many of the next steps something was noticed."""
        return sum(self.changed() for _ in range(steps))


def scale_gradient(looked: Looked) -> None:
    looked.last.weight.grad = 100 * torch.ones(4, 8)


def lose_gradient(looked: Looked) -> None:
    looked.first.weight.grad = None


def zero_gradient(looked: Looked) -> None:
    looked.first.weight.grad = torch.zeros(8, 8)


def poison_gradient(looked: Looked) -> None:
    looked.last.bias.grad = torch.tensor([0.0, math.nan, 1.0, 1.0])


def grow_weights(looked: Looked) -> None:
    looked.first.weight.data *= 2


def wipe_weights(looked: Looked) -> None:
    looked.last.weight.data.zero_()


def raise_rate(looked: Looked) -> None:
    looked.optimizer.param_groups[0]["lr"] = 10.0


@pytest.mark.parametrize(
    "change",
    [
        scale_gradient,
        lose_gradient,
        zero_gradient,
        poison_gradient,
        grow_weights,
        wipe_weights,
        raise_rate,
    ],
)
def test_a_change_is_noticed_once_each_parameter_has_had_its_turn(change: Change) -> None:
    looked = Looked()
    assert looked.noticed(PROMPT) == 0
    change(looked)
    assert looked.noticed(PROMPT) == 1


@pytest.mark.parametrize("spoiled", [math.nan, math.inf])
def test_what_a_backward_pass_brings_to_its_end_is_noticed_in_the_very_step_and_once(
    spoiled: float,
) -> None:
    looked = Looked(share=1e-9)  # no parameter has a turn
    assert looked.noticed(5) == 0
    gradient, looked.first.bias.grad = looked.first.bias.grad, torch.full((8,), spoiled)
    assert looked.changed()
    assert looked.noticed(5) == 0
    looked.first.bias.grad = gradient
    assert looked.noticed(5) == 0


def test_the_end_of_a_model_of_matrices_alone_is_its_first_matrix() -> None:
    looked = Looked(share=1e-9)
    looked.owned = [0, 2]
    assert looked.noticed(5) == 0
    looked.first.weight.grad = torch.full((8, 8), math.nan)
    assert looked.changed()


@pytest.mark.parametrize("make", [
    lambda: torch.randn(4, dtype=torch.bfloat16),
    lambda: torch.randn(4, dtype=torch.complex64),
    lambda: torch.randn(100_000),
    lambda: torch.randn(400, 400).t(),
    lambda: torch.randn(64, 3, 3, 3).contiguous(memory_format=torch.channels_last),
    lambda: torch.randn(()),
])  # fmt: skip
def test_a_backward_pass_may_end_at_a_parameter_of_any_kind(
    make: Callable[[], torch.Tensor],
) -> None:
    model, one = nn.Module(), nn.Parameter(make())
    model.register_parameter("one", one)
    glances = SpotChecks(Budget(1e-9), LayerTable(model, None))
    optimizer = SGD([one], lr=0.1)
    one.grad = torch.ones_like(one)
    assert not any(glances.see_changed(optimizer, [0]) for _ in range(3))
    one.grad = (one * math.nan).detach().requires_grad_()
    assert [glances.see_changed(optimizer, [0]) for _ in range(3)] == [True, False, False]


def test_a_gradient_that_comes_is_noticed_as_one_that_goes() -> None:
    looked = Looked()
    gradient, looked.first.weight.grad = looked.first.weight.grad, None
    assert looked.noticed(PROMPT) == 0
    looked.first.weight.grad = gradient
    assert looked.noticed(PROMPT) == 1


def test_what_batches_do_to_a_gradient_is_not_noticed() -> None:
    looked = Looked()
    for step in range(200):
        for one in looked.model.parameters():
            one.grad = torch.randn_like(one) * (1 + step % 4)
        assert not looked.changed()


def test_a_gradient_that_is_now_and_then_another_is_not_noticed_for_ever() -> None:
    looked = Looked()
    noticed = 0
    for step in range(1000):
        for one in looked.model.parameters():
            one.grad = torch.ones_like(one) * (1e3 if step % 7 == 0 else 1.0)
        noticed += looked.changed()
    assert 0 < noticed <= TOKENS + 1000 * 0.005


def test_weights_that_drift_are_noticed_at_each_half_more() -> None:
    looked = Looked()
    looked.noticed(PROMPT)
    noticed = 0
    for _ in range(300):
        looked.first.weight.data *= 1.01
        noticed += looked.changed()
    assert noticed == pytest.approx(math.log(1.01**300, 1.5), abs=2)


def test_weights_that_run_away_do_not_turn_every_step_into_a_sample() -> None:
    looked = Looked()
    looked.noticed(PROMPT)
    noticed = 0
    for _ in range(100):
        looked.first.weight.data *= 1.6
        noticed += looked.changed()
    assert WEIGHT_TOKENS <= noticed <= WEIGHT_TOKENS + 100 * 0.05 + 1


def test_a_loss_scale_that_is_lost_is_noticed_and_one_that_is_halved_is_not() -> None:
    looked = Looked()
    scales = [65536.0, 32768.0, 65536.0, 1.0]
    assert [looked.glances.see_scale(scale) for scale in scales] == [False, False, False, True]


def test_nothing_is_read_where_the_budget_cannot_pay_for_it() -> None:
    looked = Looked(share=1e-9)
    looked.budget.stepped(elapsed=0.001, ours=0.0)
    grow_weights(looked)
    assert looked.noticed(100) == 0


def test_no_more_is_read_than_is_of_use_however_slow_a_step_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = Looked(share=0.01)
    looked.budget.stepped(elapsed=100.0, ours=0.0)
    looked.owned = [0] * 100
    reads: list[torch.Tensor] = []
    dot, tolist = torch.dot, torch.Tensor.tolist

    def counted(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        reads.append(one)
        return dot(one, other)

    def listed(one: torch.Tensor) -> object:
        reads.append(one)
        return tolist(one)

    monkeypatch.setattr(torch, "dot", counted)
    monkeypatch.setattr(torch.Tensor, "tolist", listed)
    looked.changed()
    assert (
        len(reads) == 1 + 2 * MOST
    )  # where the backward pass ends; gradient and weights of each that has its turn


@pytest.mark.parametrize("make", [
    lambda: nn.Parameter(torch.randn(3, 4, dtype=torch.float16)),
    lambda: nn.Parameter(torch.randn(3, 4, dtype=torch.complex64)),
    lambda: nn.Parameter(torch.randn(1 << 18, 2).t()),
    lambda: nn.Parameter(torch.randn(400, 400).t()),
    lambda: nn.Parameter(torch.randn(())),
    lambda: nn.Parameter(torch.empty(0, 4)),
])  # fmt: skip
def test_parameters_of_every_kind_are_looked_at(make: Callable[[], nn.Parameter]) -> None:
    module = nn.Module()
    one = make()
    module.register_parameter("one", one)
    module.register_parameter("other", nn.Parameter(torch.ones(2, 2)))
    glances = SpotChecks(Budget(None), LayerTable(module, None))
    optimizer = Adam(module.parameters())
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    assert not any(glances.see_changed(optimizer, [0, 1]) for _ in range(4))
    one.grad = None
    noticed = [glances.see_changed(optimizer, [0, 1]) for _ in range(2)]
    assert any(noticed)


def test_a_parameter_without_a_shape_yet_is_left_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LazyLinear(2))
    glances = SpotChecks(Budget(None), LayerTable(model, None))
    optimizer = SGD(model.parameters(), lr=0.1)
    assert not any(glances.see_changed(optimizer, [0, 1, 2, 3]) for _ in range(3))
