from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import SGD, Adam

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.sampling.allowances import ALLOWANCES, CHECKS, NOTICEABLE, Reason
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.spot_checks import SpotChecks

Change = Callable[["Checked"], None]

PROMPT = 8
"""Steps in which every parameter of the model below has had its turn."""


class Checked:
    """A small model whose gradients are set by hand, checked step by step."""

    def __init__(self, share: float | None = None) -> None:
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 4)
        self.model = nn.Sequential(self.first, nn.ReLU(), self.last)
        self.optimizer = SGD(self.model.parameters(), lr=0.1)
        self.decision = SamplingDecision(share)
        table = LayerTable(self.model, None)
        self.spot_checks = SpotChecks(self.decision, table)
        self.numbers = list(range(len(table.parameters)))
        for one in self.model.parameters():
            one.grad = torch.randn_like(one)

    def found(self) -> Reason | None:
        """What is found in the next step."""
        return self.spot_checks.optimizer_steps(self.optimizer, self.numbers)

    def all_found(self, steps: int) -> list[Reason]:
        """What is found in the next steps."""
        return [found for _ in range(steps) if (found := self.found()) is not None]

    def granted(self) -> bool:
        """Whether something is found in the next step and sampled, as in a training loop."""
        found = self.found()
        granted = found is not None and self.decision.request(found)
        self.decision.stepped(0.1, 0.0)
        return granted


def scale_gradient(checked: Checked) -> None:
    checked.last.weight.grad = 100 * torch.ones(4, 8)


def lose_gradient(checked: Checked) -> None:
    checked.first.weight.grad = None


def zero_gradient(checked: Checked) -> None:
    checked.first.weight.grad = torch.zeros(8, 8)


def poison_gradient(checked: Checked) -> None:
    checked.last.bias.grad = torch.tensor([0.0, math.nan, 1.0, 1.0])


def grow_weights(checked: Checked) -> None:
    checked.first.weight.data *= 2


def wipe_weights(checked: Checked) -> None:
    checked.last.weight.data.zero_()


def raise_rate(checked: Checked) -> None:
    checked.optimizer.param_groups[0]["lr"] = 10.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (scale_gradient, Reason.SPOT_CHECK),
        (lose_gradient, Reason.SPOT_CHECK),
        (zero_gradient, Reason.SPOT_CHECK),
        (poison_gradient, Reason.OVERFLOW),
        (grow_weights, Reason.WEIGHT_DRIFT),
        (wipe_weights, Reason.WEIGHT_DRIFT),
        (raise_rate, Reason.SPOT_CHECK),
    ],
)
def test_a_change_is_found_once_each_parameter_has_had_its_turn(
    change: Change, reason: Reason
) -> None:
    checked = Checked()
    assert checked.all_found(PROMPT) == []
    change(checked)
    assert checked.all_found(PROMPT) == [reason]


def test_of_several_changes_in_a_step_the_gravest_is_the_reason() -> None:
    checked = Checked()
    assert checked.all_found(PROMPT) == []
    raise_rate(checked)
    grow_weights(checked)
    poison_gradient(checked)
    assert checked.found() is Reason.OVERFLOW


@pytest.mark.parametrize("spoiled", [math.nan, math.inf])
def test_what_a_backward_pass_brings_to_its_end_is_found_in_the_very_step_and_once(
    spoiled: float,
) -> None:
    checked = Checked(share=1e-9)  # no parameter has a turn
    assert checked.all_found(5) == []
    gradient, checked.first.bias.grad = checked.first.bias.grad, torch.full((8,), spoiled)
    assert checked.found() is Reason.OVERFLOW
    assert checked.all_found(5) == []
    checked.first.bias.grad = gradient
    assert checked.all_found(5) == []


def test_the_end_of_a_model_of_matrices_alone_is_its_first_matrix() -> None:
    checked = Checked(share=1e-9)
    checked.numbers = [0, 2]
    assert checked.all_found(5) == []
    checked.first.weight.grad = torch.full((8, 8), math.nan)
    assert checked.found() is Reason.OVERFLOW


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
    checks = SpotChecks(SamplingDecision(1e-9), LayerTable(model, None))
    optimizer = SGD([one], lr=0.1)
    one.grad = torch.ones_like(one)
    assert {checks.optimizer_steps(optimizer, [0]) for _ in range(3)} == {None}
    one.grad = (one * math.nan).detach().requires_grad_()
    assert [checks.optimizer_steps(optimizer, [0]) for _ in range(3)] == [
        Reason.OVERFLOW,
        None,
        None,
    ]


def test_a_gradient_that_comes_is_found_as_one_that_goes() -> None:
    checked = Checked()
    gradient, checked.first.weight.grad = checked.first.weight.grad, None
    assert checked.all_found(PROMPT) == []
    checked.first.weight.grad = gradient
    assert checked.all_found(PROMPT) == [Reason.SPOT_CHECK]


def test_a_gradient_that_no_longer_comes_is_found_though_no_time_is_left_and_once() -> None:
    checked = Checked(share=1e-9)  # no parameter has a turn
    assert checked.all_found(PROMPT) == []
    gradient = checked.first.weight.grad
    checked.first.weight.grad = None
    assert checked.all_found(PROMPT) == [Reason.SPOT_CHECK]
    for now in (gradient, None):
        checked.first.weight.grad = now
        assert checked.all_found(PROMPT) == []


def test_what_batches_do_to_a_gradient_is_not_found() -> None:
    checked = Checked()
    for step in range(200):
        for one in checked.model.parameters():
            one.grad = torch.randn_like(one) * (1 + step % 4)
        assert checked.found() is None


def test_a_gradient_that_is_now_and_then_another_is_not_sampled_for_ever() -> None:
    checked, allowance = Checked(share=0.01), ALLOWANCES[Reason.SPOT_CHECK]
    granted = 0
    for step in range(1000):
        for one in checked.model.parameters():
            one.grad = torch.ones_like(one) * (1e3 if step % 7 == 0 else 1.0)
        granted += checked.granted()
    assert 0 < granted <= allowance.burst + 1000 * allowance.refill


def test_weights_that_drift_are_found_at_each_half_more() -> None:
    checked = Checked()
    checked.all_found(PROMPT)
    found = []
    for _ in range(300):
        checked.first.weight.data *= 1.01
        found.append(checked.found())
    assert found.count(Reason.WEIGHT_DRIFT) == pytest.approx(math.log(1.01**300, NOTICEABLE), abs=2)
    assert set(found) == {None, Reason.WEIGHT_DRIFT}


def test_weights_that_run_away_do_not_turn_every_step_into_a_sample() -> None:
    checked, allowance = Checked(share=0.01), ALLOWANCES[Reason.WEIGHT_DRIFT]
    checked.all_found(PROMPT)
    granted = 0
    for _ in range(100):
        checked.first.weight.data *= 1.6
        granted += checked.granted()
    assert allowance.burst <= granted <= allowance.burst + 100 * allowance.refill + 1


def test_a_loss_scale_that_is_lost_is_found_and_one_that_is_halved_is_not() -> None:
    checked = Checked()
    scales = [65536.0, 32768.0, 65536.0, 1.0]
    assert [checked.spot_checks.loss_scaled(scale) for scale in scales] == [
        *[None] * 3,
        Reason.SPOT_CHECK,
    ]


def test_nothing_is_read_where_the_budget_cannot_pay_for_what_one_check_has_cost() -> None:
    checked = Checked(share=1e-9)
    checked.decision.stepped(elapsed=0.001, ours=0.0)
    checked.found()
    grow_weights(checked)
    assert checked.all_found(100) == []


def test_no_more_is_read_than_is_of_use_however_slow_a_step_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = Checked(share=0.01)
    checked.decision.stepped(elapsed=100.0, ours=0.0)
    checked.numbers = [0] * 100
    reads: list[torch.Tensor] = []
    dot, tolist = torch.dot, torch.Tensor.tolist
    own = {one.data_ptr() for one in checked.model.parameters()}
    own |= {one.grad.data_ptr() for one in checked.model.parameters() if one.grad is not None}

    def counted(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        reads.extend([one] if one.data_ptr() in own else [])
        return dot(one, other)

    def listed(one: torch.Tensor) -> object:
        reads.extend([one] if one.data_ptr() in own else [])  # not what other threads read
        return tolist(one)

    monkeypatch.setattr(torch, "dot", counted)
    monkeypatch.setattr(torch.Tensor, "tolist", listed)
    checked.found()
    # Where the backward pass ends; gradient and weights of each that has its turn.
    assert len(reads) == 1 + 2 * CHECKS


@pytest.mark.parametrize("make", [
    lambda: nn.Parameter(torch.randn(3, 4, dtype=torch.float16)),
    lambda: nn.Parameter(torch.randn(3, 4, dtype=torch.complex64)),
    lambda: nn.Parameter(torch.randn(1 << 18, 2).t()),
    lambda: nn.Parameter(torch.randn(400, 400).t()),
    lambda: nn.Parameter(torch.randn(())),
    lambda: nn.Parameter(torch.empty(0, 4)),
])  # fmt: skip
def test_parameters_of_every_kind_are_checked(make: Callable[[], nn.Parameter]) -> None:
    module = nn.Module()
    one = make()
    module.register_parameter("one", one)
    module.register_parameter("other", nn.Parameter(torch.ones(2, 2)))
    checks = SpotChecks(SamplingDecision(None), LayerTable(module, None))
    optimizer = Adam(module.parameters())
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    assert {checks.optimizer_steps(optimizer, [0, 1]) for _ in range(4)} == {None}
    one.grad = None
    assert Reason.SPOT_CHECK in [checks.optimizer_steps(optimizer, [0, 1]) for _ in range(2)]


def test_a_parameter_without_a_shape_yet_is_left_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LazyLinear(2))
    checks = SpotChecks(SamplingDecision(None), LayerTable(model, None))
    optimizer = SGD(model.parameters(), lr=0.1)
    assert {checks.optimizer_steps(optimizer, [0, 1, 2, 3]) for _ in range(3)} == {None}


STRANGE: dict[str, Callable[[], Any]] = {
    "lazy": nn.UninitializedParameter,
    "meta": lambda: nn.Parameter(torch.empty(4, 4, device="meta")),
    "coordinates": lambda: nn.Parameter(torch.eye(4).to_sparse()),
    "compressed rows": lambda: nn.Parameter(torch.eye(4).to_sparse_csr()),
    "compressed columns": lambda: nn.Parameter(torch.eye(4).to_sparse_csc()),
    "nested": lambda: nn.Parameter(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])),
    "jagged": lambda: nn.Parameter(
        torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    ),
    "fake": lambda: nn.Parameter(FakeTensorMode().from_tensor(torch.ones(4, 4))),
    "conjugated": lambda: nn.Parameter(torch.ones(4, 4, dtype=torch.complex64).conj()),
    "eight bits": lambda: nn.Parameter(torch.ones(4, 4).to(torch.float8_e4m3fn)),
    "empty": lambda: nn.Parameter(torch.empty(0, 4)),
    "a number": lambda: nn.Parameter(torch.tensor(1.0)),
}


@pytest.mark.filterwarnings("ignore:Sparse", "ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("name", STRANGE)
def test_a_parameter_of_any_kind_is_passed_over_or_checked(name: str) -> None:
    checked = Checked()
    checked.model.register_parameter("strange", STRANGE[name]())
    checked.optimizer = SGD([checked.model.get_parameter("strange")], lr=0.1)
    table = LayerTable(checked.model, None)
    checked.spot_checks = SpotChecks(checked.decision, table)
    checked.numbers = list(range(len(table.parameters)))
    assert checked.all_found(3 * PROMPT) == []
