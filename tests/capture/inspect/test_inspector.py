"""What is seen of a single layer in a step and between two steps, and what that costs."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from gradwidget.capture.inspect import inspector as subject
from gradwidget.capture.inspect.inspector import LEASE
from gradwidget.capture.unmeasured import LATER, NO_GRADIENT, NOT_READ, NOT_WATCHED
from gradwidget.frame import Inspection
from tests.capture.inspect.loop import Loop, Watch, histogram, same


def test_the_step_after_the_request_shows_gradient_weights_and_output(watch: Watch) -> None:
    loop = Loop(watch, budget=None)
    loop.step()
    assert not loop.inspector.ask("2")
    loop.step()
    assert loop.seen == [], "that step had begun before"
    loop.step()
    (found,) = loop.seen
    assert (found.layer, found.calls) == ("2", 1)
    assert same(found.gradient, loop.gradients["2.weight"], loop.gradients["2.bias"])
    assert same(found.weight, *loop.model[2].parameters())  # type: ignore[index]  # a Sequential
    assert same(found.activation, *loop.outputs)
    assert {histogram(part).step for part in (found.gradient, found.weight, found.activation)} == {
        2
    }
    worst = found.worst[0]
    assert loop.gradients[f"2.{worst.parameter}"][worst.index].item() == worst.value
    assert abs(worst.value) == max(
        one.abs().max() for name, one in loop.gradients.items() if name.startswith("2.")
    )


def test_an_output_is_shown_after_the_nonlinearity_that_follows_and_of_several_the_last(
    watch: Watch,
) -> None:
    loop = Loop(watch, budget=None)
    loop.step(calls=3)
    loop.inspector.ask("0")
    taken: list[Tensor] = []
    last = loop.model.get_submodule("1")
    handle = last.register_forward_hook(lambda _module, _args, output: taken.append(output))
    loop.step(calls=3)
    loop.step(calls=3)
    handle.remove()
    (found,) = loop.seen
    assert found.calls == 3
    assert same(found.activation, taken[-1])
    assert histogram(found.activation).note == "after tanh"


def test_an_output_after_softmax_sums_up_whole_rows(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1), nn.Linear(3, 1))
    loop = Loop(watch, model, budget=None)
    loop.step()
    loop.inspector.ask("0")
    loop.step()
    loop.step()
    found = histogram(loop.seen[0].activation)
    assert found.note == "after softmax"
    assert 0 < found.low < found.high < 1


def test_without_a_request_nothing_is_inspected_and_a_request_runs_out(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(subject, "monotonic", lambda: clock[0])
    loop = Loop(watch, budget=None)
    loop.inspector.ask("0")
    clock[0] = 10 * LEASE
    loop.step()
    loop.step()
    assert len(loop.seen) == 1, "a step that takes longer than that is waited for"
    loop.step()
    loop.step()
    assert len(loop.seen) == 1


def test_a_running_loop_is_inspected_no_more_often_than_the_budget_allows(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "AGAIN", 100.0)
    loop = Loop(watch)
    loop.inspector.ask("0")
    for _ in range(30):
        loop.step()
    assert len(loop.seen) == 1
    loop.inspector.ask("2")
    loop.step()
    loop.step()
    assert [found.layer for found in loop.seen[1:]] == ["0", "2"], (
        "what nobody has seen yet comes at once"
    )


def test_a_step_sampled_for_an_inspection_alone_costs_more_than_inspecting_a_sampled_one(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "monotonic", lambda: 0.0)
    loop = Loop(watch, budget=0.01)
    loop.inspector.ask("0")
    loop.step()
    loop.step()
    rests = loop.inspector._next_along, loop.inspector._next_own
    assert 0 < rests[0] < rests[1]
    assert rests[1] < 1000 * loop.capture.guard.spent


def test_inspections_are_charged_to_the_budget(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = Loop(watch)
    loop.step()
    monkeypatch.setattr(
        "gradwidget.capture.inspect.inspection_collector.weight",
        lambda *_: threading.Event().wait(0.2),
    )
    spent, charged = loop.capture.guard.spent, loop.capture.cycle.decision.spent
    loop.inspector.ask("0")
    loop.step()
    loop.step()
    assert loop.capture.guard.spent - spent > 0.2
    assert loop.capture.cycle.decision.spent - charged > 0.2


def test_a_step_that_nobody_would_have_sampled_is_sampled_for_it(watch: Watch) -> None:
    loop = Loop(watch, budget=1e-9)
    for _ in range(15):
        loop.step()
    loop.inspector.ask("0")
    loop.step()
    frames = len(loop.capture.frames)  # type: ignore[attr-defined]  # one that keeps them
    loop.step()
    assert len(loop.capture.frames) == frames + 1  # type: ignore[attr-defined]  # one that keeps them
    assert histogram(loop.seen[-1].activation).step == 16


def test_inspecting_changes_no_weight_and_draws_no_random_number(watch: Watch) -> None:
    results = []
    for looks in (False, True):
        torch.manual_seed(1)
        loop = Loop(watch)
        for _ in range(12):
            if looks:
                loop.inspector.ask("0")
            loop.step()
        results.append([parameter.detach().clone() for parameter in loop.model.parameters()])
        assert bool(loop.seen) == looks
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("kind", ["foreach", "fused"])
def test_a_scaled_loss_does_not_show_in_the_gradient(watch: Watch, kind: str) -> None:
    model = nn.Linear(4, 1)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=1e-3, foreach=kind == "foreach", fused=kind == "fused"
    )
    scaler = GradScaler("cpu", init_scale=1024.0)
    capture = watch(model, budget=None)
    seen: list[Inspection] = []
    capture.cycle.inspector.emit = seen.append
    capture.cycle.inspector.ask("(root)")
    data, expected = torch.randn(8, 4), torch.zeros(0)
    for _ in range(2):
        optimizer.zero_grad()
        plain = torch.autograd.grad(
            model(data).square().mean(), list(model.parameters()), create_graph=True
        )
        expected = torch.cat([one.detach().flatten() for one in plain])
        scaler.scale(model(data).square().mean()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert histogram(seen[0].gradient).high == pytest.approx(expected.max().item(), rel=1e-5)
    assert abs(seen[0].worst[0].value) == pytest.approx(expected.abs().max().item(), rel=1e-5)


def test_gradients_that_the_loop_takes_by_itself_are_seen(watch: Watch) -> None:
    model = nn.Linear(4, 1)
    capture = watch(model, budget=None)
    seen: list[Inspection] = []
    capture.cycle.inspector.emit = seen.append
    gradients: tuple[Tensor, ...] = ()
    for step in range(8):
        if step == 4:
            capture.cycle.inspector.ask("(root)")
        gradients = torch.autograd.grad(
            model(torch.randn(8, 4)).square().mean(), list(model.parameters())
        )
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.sub_(gradient, alpha=0.1)
    capture.close()
    assert same(seen[-1].gradient, *gradients)


def test_what_cannot_be_had_is_said_in_words(watch: Watch) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.frozen, self.idle = nn.Linear(4, 4), nn.Linear(4, 1), nn.Linear(4, 1)
            self.frozen.requires_grad_(requires_grad=False)
            self.table = nn.Embedding(5, 4, sparse=True)

        def forward(self, x: Tensor) -> Tensor:
            looked_up: Tensor = self.table(torch.tensor([0, 1]))
            out: Tensor = self.frozen(self.used(x)) + looked_up.sum()
            return out

    loop = Loop(watch, Odd(), budget=None)
    for layer in ("used", "frozen", "idle", "table"):
        loop.inspector.ask(layer)
    loop.optimizer.zero_grad()
    for _ in range(2):
        loop.model(torch.randn(16, 4)).square().mean().backward()
        loop.optimizer.step()
    found = {one.layer: one for one in loop.seen}
    assert found["frozen"].gradient == NO_GRADIENT
    assert found["idle"].gradient == NO_GRADIENT
    assert isinstance(found["idle"].activation, str)
    assert "not seen to run" in found["idle"].activation
    assert isinstance(found["table"].gradient, str)
    assert "sparse" in found["table"].gradient
    assert histogram(found["used"].gradient).total == 20
    assert not loop.capture.problems


def test_without_activations_the_output_is_not_watched(watch: Watch) -> None:
    loop = Loop(watch, budget=None, activations=False)
    loop.inspector.ask("0")
    loop.step()
    loop.step()
    assert loop.seen[0].activation == NOT_WATCHED
    loop.inspector.ask("2")
    loop.inspector.inspect_now("2")
    assert loop.seen[-1].activation == NOT_WATCHED


def test_a_failure_is_contained_recorded_and_shown(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = Loop(watch, budget=None)
    loop.inspector.ask("0")

    def fail(*_: object) -> None:
        message = "no"
        raise RuntimeError(message)

    monkeypatch.setattr("gradwidget.capture.inspect.inspection_collector.gradient", fail)
    for _ in range(3):
        loop.step()
    assert loop.seen[0].gradient == NOT_READ
    assert histogram(loop.seen[0].weight).total == 40
    assert [problem.where for problem in loop.capture.problems] == ["inspecting a layer"]
    assert len(loop.capture.frames) == 3  # type: ignore[attr-defined]  # one that keeps them
    loop.capture.problems.clear()


def test_a_listener_that_fails_does_not_stop_the_steps(watch: Watch) -> None:
    loop = Loop(watch, budget=None)

    def fail(_: Inspection) -> None:
        message = "no"
        raise RuntimeError(message)

    loop.inspector.emit = fail
    loop.inspector.ask("0")
    for _ in range(3):
        loop.step()
    assert loop.capture.step == 3
    assert loop.capture.problems
    loop.capture.problems.clear()


def test_between_two_cells_there_is_what_the_last_step_has_left(watch: Watch) -> None:
    loop = Loop(watch, budget=None)
    loop.inspector.ask("0")
    loop.inspector.inspect_now("0")
    assert (
        loop.seen[0].gradient,
        loop.seen[0].activation,
        histogram(loop.seen[0].weight).step,
    ) == (
        LATER,
        LATER,
        None,
    )
    loop.step()
    loop.inspector.ask("2")
    loop.inspector.inspect_now("2")
    found = loop.seen[-1]
    assert histogram(found.gradient).step == histogram(found.weight).step == 0
    assert same(found.gradient, loop.gradients["2.weight"], loop.gradients["2.bias"])
    assert found.activation == LATER
    # A backward pass without a step belongs to the step under way.
    loop.step()
    loop.optimizer.zero_grad()
    loop.model(torch.randn(16, 4)).square().mean().backward()
    loop.inspector._seen.clear()
    loop.inspector.inspect_now("2")
    assert histogram(loop.seen[-1].gradient).step == 2
    assert histogram(loop.seen[-1].weight).step == 1


def test_what_was_seen_stays_where_nothing_newer_is_left(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "AGAIN", 1000.0)
    loop = Loop(watch, budget=None)
    loop.inspector.ask("0")
    loop.step()
    loop.step()
    full = loop.seen[-1]
    loop.step()
    loop.step()
    loop.optimizer.zero_grad()
    loop.inspector.inspect_now("0")
    found = loop.seen[-1]
    assert found is not full
    assert (found.gradient, found.activation, found.worst) == (
        full.gradient,
        full.activation,
        full.worst,
    )
    assert histogram(found.weight).step == 3


def test_who_asks_again_before_anything_has_happened_is_shown_the_same(watch: Watch) -> None:
    loop = Loop(watch, budget=None)
    loop.inspector.ask("0")
    loop.step()
    loop.step()
    assert loop.inspector.ask("0")
    assert loop.seen[0] is loop.seen[1]
