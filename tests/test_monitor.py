from __future__ import annotations

import gc
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules import module as module_hooks
from torch.optim import optimizer as optimizer_hooks

from gradwidget import GradMonitor, GradWidget, Symptom, Thresholds
from gradwidget.capture.collect.logged import MOST_LOGGED, TOO_MANY
from gradwidget.record.start_step import LARGEST_START

KINDS = [GradMonitor, GradWidget]
Kind = type[GradMonitor] | type[GradWidget]

both = pytest.mark.parametrize("kind", KINDS)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def train(model: nn.Module, steps: int, optimizer: torch.optim.Optimizer | None = None) -> None:
    """An ordinary loop."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(torch.randn(16, 4)), torch.randint(3, (16,)))
        loss.backward()
        optimizer.step()


@both
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3,), TypeError, "not int"),
        ((network().parameters(),), TypeError, "not generator"),
        ((nn.ReLU(),), ValueError, "has no parameters"),
        ((network(), 0.1), TypeError, "optimizer must be a torch.optim.Optimizer, not float"),
        (
            (network(), torch.optim.SGD(network().parameters(), lr=0.1)),
            ValueError,
            "holds none of the parameters",
        ),
    ],
    ids=[
        "number",
        "parameters",
        "no parameters",
        "no optimizer",
        "other model's optimizer",
    ],
)
def test_what_cannot_be_watched_is_refused_in_words(
    kind: Kind, arguments: tuple[Any, ...], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as refused:
        kind(*arguments)
    assert words in str(refused.value)


def test_a_path_is_no_model() -> None:
    # To a widget it is a recorded run.
    path: Any = "model.pt"
    with pytest.raises(TypeError, match="not str"):
        GradMonitor(path)


@both
def test_a_second_one_on_the_same_model_replaces_the_first(kind: Kind) -> None:
    model = network()
    first = kind(model, budget=None)
    train(model, 2)
    with kind(model, budget=None) as second:
        train(model, 3)
    assert first.history.steps.tolist() == [0, 1]
    assert second.history.steps.tolist() == [0, 1, 2]


@both
def test_a_rerun_cell_starts_again_though_nobody_closed_the_old_one(kind: Kind) -> None:
    for _ in range(3):
        torch.manual_seed(0)
        model = network()
        w = kind(model, budget=None)
        train(model, 4)
        assert w.history.steps.tolist() == [0, 1, 2, 3]
        assert np.isfinite(w.history["grad_rms"]).all()


@both
def test_a_rebuilt_model_is_another_model(kind: Kind) -> None:
    model = network()
    w = kind(model, budget=None)
    train(model, 2)
    model = network()
    gc.collect()
    train(model, 2)
    assert w.history.steps.tolist() == [0, 1]
    w.close()


@both
def test_it_can_be_attached_in_the_middle_of_a_run_and_of_a_step(kind: Kind) -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    train(model, 5, optimizer)
    loss = functional.cross_entropy(model(torch.randn(16, 4)), torch.randint(3, (16,)))
    with kind(model, budget=None, start_step=5) as w:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train(model, 3, optimizer)
    assert w.history.steps[-1] == 8
    assert np.isfinite(w.history["grad_rms"][-1]).all()


@both
def test_weights_after_50_steps_are_bit_identical_with_and_without_it(kind: Kind) -> None:
    def trained(*, watched: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = network()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        w = kind(model, budget=None) if watched else None
        train(model, 50, optimizer)
        if w is not None:
            assert w.history.steps[-1] == 49
            w.close()
        return [*model.parameters()]

    for with_it, without_it in zip(trained(watched=True), trained(watched=False), strict=True):
        assert torch.equal(with_it, without_it)


@both
def test_findings_follow_the_thresholds_that_were_given(kind: Kind) -> None:
    def found(thresholds: Thresholds) -> set[Symptom]:
        torch.manual_seed(0)
        deep = [nn.Linear(8, 8) if i % 2 else nn.Sigmoid() for i in range(16)]
        model = nn.Sequential(nn.Linear(4, 8), *deep, nn.Linear(8, 3))
        with kind(model, budget=None, thresholds=thresholds) as watching:
            train(model, 20)
            return {finding.symptom for finding in watching.findings}

    assert Symptom.VANISHING_GRADIENTS in found(Thresholds())
    assert Symptom.VANISHING_GRADIENTS not in found(Thresholds(vanishing_ratio=1e-30))


@both
def test_closing_leaves_torch_as_it_was(kind: Kind) -> None:
    def patched() -> list[Any]:
        return [
            torch.Tensor.backward,
            torch.autograd.backward,
            torch.amp.GradScaler.scale,
            torch.amp.GradScaler.step,
            dict(module_hooks._global_forward_hooks),
            dict(module_hooks._global_forward_pre_hooks),
            dict(optimizer_hooks._global_optimizer_pre_hooks),
            dict(optimizer_hooks._global_optimizer_post_hooks),
        ]

    gc.collect()  # what earlier tests dropped without closing it
    before = patched()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    w = kind(model, budget=None)
    train(model, 3, optimizer)
    assert patched() != before
    w.close()
    assert patched() == before
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks
    for parameter in model.parameters():
        assert not parameter._backward_hooks


@both
def test_two_models_are_watched_side_by_side(kind: Kind) -> None:
    one, other = network(), network()
    with kind(one, budget=None) as first, kind(other, budget=None) as second:
        train(one, 2)
        train(other, 3)
    assert first.history.steps.tolist() == [0, 1]
    assert second.history.steps.tolist() == [0, 1, 2]


def test_outside_a_notebook_a_widget_works_and_prints_as_text() -> None:
    assert "ipykernel.ipkernel" not in sys.modules
    model = network()
    with GradWidget(model, budget=None) as w:
        train(model, 3)
        assert "Linear 8×4" in w.report()


def test_frames_are_judged_as_they_come_and_listeners_told_after() -> None:
    model = network()
    with GradMonitor(model, budget=None) as monitor:
        seen: list[int] = []
        monitor._session.on_frame.append(lambda: seen.append(int(monitor.history.steps[-1])))
        train(model, 3)
    assert seen == [0, 1, 2]
    assert monitor.closed
    assert monitor.problems == []


def test_a_report_begins_with_the_verdict_and_names_every_layer() -> None:
    model = network()
    with GradMonitor(model, budget=None) as monitor:
        assert monitor.report().splitlines()[0] == "Waiting for the first step"
        train(model, 3)
        assert monitor.report().splitlines()[0] == "Looking … 3 of 9 steps"
        train(model, 6)
    lines = monitor.report().splitlines()
    assert lines[0] == "Healthy"
    assert all(len(line) <= 100 for line in lines)
    assert any(line.split()[2:4] == ["0", "Linear"] for line in lines)


def test_own_figures_are_recorded_beside_the_measured_ones() -> None:
    model = network()
    with GradMonitor(model, budget=None) as monitor:
        monitor.log(val_loss=torch.tensor(0.25))
        train(model, 2)
    assert monitor.history.scalars["val_loss"][0] == pytest.approx(0.25)
    with pytest.raises(TypeError, match="val_loss"):
        monitor.log(val_loss="low")


def test_a_monitor_shows_what_a_user_needs_and_no_more() -> None:
    assert [name for name in dir(GradMonitor(network())) if not name.startswith("_")] == [
        "batch",
        "close",
        "closed",
        "findings",
        "history",
        "inspect",
        "layers",
        "log",
        "overhead",
        "problems",
        "ranks",
        "report",
        "sampling_interval",
        "scalars",
        "send_to",
        "step_begins",
        "step_ended",
        "to_html",
        "to_png",
        "to_svg",
    ]


def test_a_layer_is_inspected_immediately_and_its_output_comes_with_the_next_step() -> None:
    model = network()
    with GradMonitor(model) as monitor:
        before = monitor.inspect("0")
        assert before is not None
        assert not isinstance(before.weight, str)
        assert before.weight.total == 4 * 8 + 8
        assert isinstance(before.gradient, str)
        assert isinstance(before.activation, str)
        train(model, 2)
        after = monitor.inspect("0")
    assert after is not None
    assert not isinstance(after.activation, str)
    assert after.activation.total == 16 * 8
    assert not isinstance(after.gradient, str)
    assert after.gradient.total == 4 * 8 + 8
    with pytest.raises(ValueError, match="Nothing is watched"):
        monitor.inspect("0")


def test_on_another_thread_an_inspection_comes_with_a_step_that_begins_after_it() -> None:
    model = network()
    with GradMonitor(model) as monitor, ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(monitor.inspect, "2").result() is None
        train(model, 2)
        seen = elsewhere.submit(monitor.inspect, "2").result()
    assert seen is not None
    assert not isinstance(seen.weight, str)
    assert seen.weight.total == 8 * 3 + 3


def test_while_the_loop_is_paused_another_thread_sees_a_layer_immediately() -> None:
    model = network()
    with GradMonitor(model) as monitor, ThreadPoolExecutor(1) as training:
        control = monitor._session.control
        control.pause()
        done = training.submit(train, model, 3)
        while control.gate.state.mode != "paused":
            assert not done.done()
        seen = monitor.inspect("0")
        control.resume()
        done.result()
    assert seen is not None
    assert not isinstance(seen.gradient, str)
    assert seen.gradient.step == 0


def test_a_user_may_have_numpy_raise_where_a_number_is_rounded_to_zero() -> None:
    model = network()
    with np.errstate(all="raise"), GradMonitor(model, budget=None) as monitor:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            (model(torch.randn(16, 4)).pow(2).mean() * 1e-24).backward()
            optimizer.step()
        assert monitor.problems == []
        assert monitor.report()
    assert monitor.history.steps.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("start", [-1, 10**30])
def test_a_first_step_out_of_reach_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match="start_step must be at least 0 and at most"):
        GradMonitor(network(), start_step=start)


def test_the_largest_first_step_is_counted_from() -> None:
    model = network()
    with GradMonitor(model, budget=None, start_step=LARGEST_START) as monitor:
        train(model, 2)
    assert monitor.history.steps.tolist() == [LARGEST_START, LARGEST_START + 1]
    with pytest.raises(TypeError, match="start_step must be a whole number, not float"):
        GradMonitor(model, start_step=1.5)  # type: ignore[arg-type]  # what is being tested


def test_pausing_where_nobody_could_resume_is_refused() -> None:
    with pytest.raises(ValueError, match="pause"):
        GradMonitor(network(), on_finding="pause")


UNREADABLE = {
    "meta": (torch.ones((), device="meta"), "cannot be read"),
    "sparse": (torch.ones(1).to_sparse(), "cannot be read"),
}
KEPT = {
    "nan": (math.nan, math.nan),
    "infinite": (-math.inf, -math.inf),
    "too large": (10**400, math.inf),
    "too small": (-(10**400), -math.inf),
    "fraction": (Fraction(1, 4), 0.25),
    "numpy": (np.float32(0.5), 0.5),
    "truth": (torch.ones((), dtype=torch.bool), 1.0),
    "bfloat16": (torch.ones(1, 1, dtype=torch.bfloat16), 1.0),
    "parameter": (nn.Parameter(torch.tensor(2.0)), 2.0),
}


@pytest.mark.parametrize("kind", KEPT)
def test_every_number_that_is_logged_is_recorded(kind: str) -> None:
    given, recorded = KEPT[kind]
    model = network()
    with GradMonitor(model, budget=None) as monitor:
        monitor.log(mine=given)
        train(model, 2)
    np.testing.assert_equal(monitor.history.scalars["mine"], [recorded, math.nan])
    assert monitor.history.scalars_measured["mine"].tolist() == [True, False]
    assert [problem.where for problem in monitor.problems] == (
        ["logging"] if kind.startswith("too") else []
    )


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_has_no_value_to_read_is_left_out_and_said(kind: str) -> None:
    given, words = UNREADABLE[kind]
    model = network()
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(3):
            monitor.log(mine=given, other=1.0)
            train(model, 1)
    assert "mine" not in monitor.history.scalars
    assert monitor.history.scalars["other"].tolist() == [1.0, 1.0, 1.0]
    assert len(monitor.problems) == 1
    assert words in monitor.problems[0].message


@pytest.mark.parametrize("given", ["low", None, 1j, [1.0], torch.ones(2), torch.tensor(1j)])
def test_what_is_no_number_is_refused(given: object) -> None:
    with GradMonitor(network()) as monitor, pytest.raises(TypeError, match="mine must be a number"):
        monitor.log(mine=given)


def test_names_without_end_are_not_recorded_and_said_once() -> None:
    model = network()
    with GradMonitor(model, budget=None) as monitor:
        for step in range(3 * MOST_LOGGED):
            monitor.log(**{f"name {step}": step, "val_loss": step})
        monitor.log(val_loss=0.5)
        train(model, 1)
    mine = {name for name in monitor.history.scalars if name.startswith(("name", "val"))}
    assert mine == {"val_loss", *(f"name {step}" for step in range(MOST_LOGGED - 1))}
    assert monitor.history.scalars["val_loss"].tolist() == [0.5]
    assert [problem.message for problem in monitor.problems] == [TOO_MANY]


def test_models_that_are_equal_are_watched_each_by_its_own() -> None:
    class Alike(nn.Linear):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    one, other = Alike(2, 1), Alike(2, 1)
    first, second = GradMonitor(one), GradMonitor(other)
    assert not first.closed
    GradMonitor(one).close()
    assert first.closed
    assert not second.closed
    second.close()
