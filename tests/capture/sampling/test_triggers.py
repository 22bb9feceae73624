from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.sampling.allowances import Reason
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.triggers import SamplingTriggers
from gradwidget.frame import Frame


def of(model: nn.Module) -> SamplingTriggers:
    return SamplingTriggers(SamplingDecision(None), LayerTable(model, None))


@pytest.fixture
def triggers() -> SamplingTriggers:
    return of(nn.Linear(2, 1))


def frame(norm: float | None, *, skipped: bool = False) -> Frame:
    scalars = {} if norm is None else {"total_grad_norm": norm}
    return Frame(0, (), {}, {}, scalars, skipped)


def test_a_steady_loss_is_no_reason(triggers: SamplingTriggers) -> None:
    assert {triggers.loss_found(1.0 + step % 2 / 10, 8.0) for step in range(50)} == {None}


@pytest.mark.parametrize(("loss", "reason"), [
    (2.0, Reason.LOSS_RISE),
    (100.0, Reason.LOSS_JUMP),
    (math.nan, Reason.LOSS_JUMP),
    (1.0, None),
])  # fmt: skip
def test_a_loss_is_a_reason_by_how_far_it_is_off(
    triggers: SamplingTriggers, loss: float, reason: Reason | None
) -> None:
    for step in range(20):
        triggers.loss_found(1.0 + step % 2 / 10, None)
    assert triggers.loss_found(loss, None) is reason


def test_a_loss_that_is_not_known_is_no_reason_and_is_not_learned_from(
    triggers: SamplingTriggers,
) -> None:
    assert {triggers.loss_found(loss, None) for loss in [1.0, None, 1.0, None]} == {None}
    assert triggers.loss_found(20.0, None) is Reason.LOSS_JUMP


def test_a_loss_scale_that_is_lost_is_a_reason(triggers: SamplingTriggers) -> None:
    scales = [65536.0, 32768.0, 65536.0, 1.0]
    assert [triggers.loss_found(1.0, scale) for scale in scales] == [
        *[None] * 3,
        Reason.SPOT_CHECK,
    ]


def test_a_step_that_a_fused_optimizer_is_told_to_skip_is_a_reason() -> None:
    model = nn.Linear(2, 1)
    triggers, optimizer = of(model), Adam(model.parameters())
    assert triggers.optimizer_steps(optimizer, [0, 1]) is None
    optimizer.found_inf = torch.tensor(0.0)  # type: ignore[attr-defined] # as the scaler sets it
    assert triggers.optimizer_steps(optimizer, [0, 1]) is None
    optimizer.found_inf = torch.tensor(1.0)  # type: ignore[attr-defined]  # as a scaler sets it
    assert triggers.optimizer_steps(optimizer, [0, 1]) is Reason.OVERFLOW


def test_a_spot_check_that_finds_something_is_a_reason() -> None:
    model = nn.Linear(2, 1)
    triggers, optimizer = of(model), SGD(model.parameters(), lr=0.1)
    assert triggers.optimizer_steps(optimizer, [0, 1]) is None
    model.weight.data *= 2
    assert triggers.optimizer_steps(optimizer, [0, 1]) is Reason.WEIGHT_DRIFT


def test_an_optimizer_of_other_parameters_is_not_checked(triggers: SamplingTriggers) -> None:
    other = SGD(nn.Linear(2, 1).parameters(), lr=0.1)
    assert triggers.optimizer_steps(other, []) is None
    other.param_groups[0]["lr"] = 100.0
    assert triggers.optimizer_steps(other, []) is None


def test_a_frame_is_a_reason_where_its_gradient_jumps_or_its_step_was_skipped(
    triggers: SamplingTriggers,
) -> None:
    frames = [frame(1.0), frame(2.0), frame(None), frame(3.0), frame(100.0), frame(1.0)]
    assert [triggers.frame_made(one) for one in frames] == [
        *[None] * 4,
        Reason.NORM_JUMP,
        None,
    ]
    assert triggers.frame_made(frame(1.0, skipped=True)) is Reason.OVERFLOW
