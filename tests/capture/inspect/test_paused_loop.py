"""What is seen of a single layer while the loop is paused, and in the step after that."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

import torch
from torch import Tensor

from gradwidget.capture.unmeasured import CLEARED, LATER
from gradwidget.frame import Histogram
from tests.capture.inspect.loop import Loop, Watch, histogram, same


class Keeper:
    """Holds the loop after its first step, and does something then."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.attention = True
        self.act = act

    def step_done(self) -> bool:
        return self.attention

    def cross(self, step: int) -> None:
        del step
        self.attention = False
        self.act()


def paused(watch: Watch, act: Callable[[Loop], None], *, to_none: bool = True) -> Loop:
    """A loop in which ``act`` is called while it is paused after step 0, its gradients cleared."""
    loop: Loop

    def do() -> None:
        act(loop)

    loop = Loop(watch, gate=Keeper(do), budget=1e-9)
    for _ in range(2):
        loop.optimizer.zero_grad(set_to_none=to_none)
        loop.model(torch.randn(16, 4)).square().mean().backward()
        loop.gradients = loop.gradients or {
            name: one.grad.clone()
            for name, one in loop.model.named_parameters()
            if one.grad is not None
        }
        loop.optimizer.step()
    return loop


def test_a_paused_loop_shows_the_gradients_of_its_last_step_and_drops_them_when_it_resumes(
    watch: Watch,
) -> None:
    kept: list[weakref.ref[Tensor]] = []

    def act(loop: Loop) -> None:
        assert loop.model[0].weight.grad is None  # type: ignore[index]  # a Sequential
        kept.extend(weakref.ref(one) for one, _ in loop.inspector._kept.values())
        loop.inspector.ask("0")
        loop.inspector.inspect_now("0")

    loop = paused(watch, act)
    assert same(loop.seen[0].gradient, loop.gradients["0.weight"], loop.gradients["0.bias"])
    assert histogram(loop.seen[0].gradient).step == 0
    assert loop.seen[0].activation == LATER
    assert len(kept) == 4
    assert [one() for one in kept] == [None] * 4
    assert histogram(loop.seen[1].activation).step == 1, "the very next step brings the output"


def test_gradients_that_were_cleared_in_place_are_not_shown_as_those_of_the_step(
    watch: Watch,
) -> None:
    def act(loop: Loop) -> None:
        loop.inspector.ask("0")
        loop.inspector.inspect_now("0")

    loop = paused(watch, act, to_none=False)
    assert loop.seen[0].gradient == CLEARED


def test_the_step_that_a_paused_loop_resumes_with_is_sampled_whatever_the_budget(
    watch: Watch,
) -> None:
    loop: Loop
    keeper = Keeper(lambda: loop.inspector.inspect_now("0"))
    keeper.attention = False
    loop = Loop(watch, gate=keeper, budget=1e-9)
    for _ in range(15):
        loop.step()
    assert loop.capture.sampling_interval > 1
    keeper.attention = True
    loop.step()
    loop.inspector.ask("0")
    loop.step()
    assert [isinstance(found.activation, Histogram) for found in loop.seen] == [False, True]
    assert histogram(loop.seen[0].gradient).step == 15
    assert histogram(loop.seen[1].activation).step == 16


def test_it_is_known_which_thread_trains(watch: Watch) -> None:
    loop = Loop(watch, budget=None)
    assert not loop.inspector.is_elsewhere()
    thread = threading.Thread(target=loop.step)
    thread.start()
    thread.join()
    assert loop.inspector.is_elsewhere()
