"""A capture belongs to the thread that trains its model, and mixes in nothing of another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from gradwidget.capture.guard import Guard
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.steps.training_thread import NODES, STEPS, TrainingThread

Watch = Callable[..., Any]


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))


def on_another_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


class Loop:
    """Trains a model at a level of the loss that no other has, and keeps the truth of each step."""

    def __init__(self, model: nn.Module, level: float) -> None:
        self.model = model
        self.level = level
        self.optimizer = SGD(model.parameters(), lr=1e-3)
        self.norms: list[float] = []
        self.errors: list[BaseException] = []

    def run(self, steps: int) -> None:
        generator = torch.Generator().manual_seed(1)
        try:
            for _ in range(steps):
                self.optimizer.zero_grad()
                loss = self.model(torch.randn(8, 6, generator=generator)).square().mean()
                (loss + self.level).backward()
                squares = [one.grad.double().square().sum() for one in self.model.parameters()]  # type: ignore[union-attr]  # just made
                self.norms.append(float(sum(squares)) ** 0.5)
                self.optimizer.step()
        except BaseException as error:
            self.errors.append(error)
            raise


def agrees(frames: list[Any], loop: Loop) -> bool:
    """Whether each frame's loss and gradient are those of its own loop and step."""
    return all(
        abs(frame.scalars["loss"] - loop.level) < 10
        and frame.scalars["total_grad_norm"] == pytest.approx(loop.norms[frame.step], rel=1e-4)
        for frame in frames
    )


@pytest.mark.slow
@pytest.mark.parametrize("budget", [None, 0.01])
def test_two_watched_models_on_two_threads_are_each_measured_as_their_own(
    watch: Watch, budget: float | None
) -> None:
    loops = [Loop(network(seed), level) for seed, level in enumerate((0.0, 1000.0))]
    captures = [watch(loop.model, budget=budget) for loop in loops]
    threads = [threading.Thread(target=loop.run, args=(150,)) for loop in loops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for loop, capture in zip(loops, captures, strict=True):
        assert loop.errors == []
        assert capture.problems == []
        assert len(capture.frames) >= 10
        assert agrees(capture.frames, loop)


@pytest.mark.slow
def test_a_model_that_nobody_watches_trains_beside_a_watched_one(watch: Watch) -> None:
    mine, other = Loop(network(), 0.0), Loop(network(1), 1000.0)
    capture = watch(mine.model)
    stop = threading.Event()

    def train() -> None:
        while not stop.is_set():
            other.run(1)

    thread = threading.Thread(target=train)
    thread.start()
    mine.run(100)
    stop.set()
    thread.join()
    assert (other.errors, capture.problems) == ([], [])
    assert [frame.step for frame in capture.frames] == list(range(100))
    assert agrees(capture.frames, mine)


def test_inference_on_another_thread_adds_no_output(watch: Watch) -> None:
    loop = Loop(network(), 0.0)
    capture = watch(loop.model)
    loop.run(2)
    before = capture.frames[-1].metrics["act_rms"]

    def infer() -> None:
        with torch.no_grad():
            loop.model(torch.full((4, 6), 1e6))
        loop.model(torch.full((4, 6), 1e6))

    on_another_thread(infer)
    loop.run(1)
    assert capture.frames[-1].metrics["act_rms"] == pytest.approx(before, rel=0.5)


def test_training_that_moves_to_another_thread_is_followed_there(watch: Watch) -> None:
    loop = Loop(network(), 0.0)
    capture = watch(loop.model)
    on_another_thread(lambda: loop.run(3))
    on_another_thread(lambda: loop.run(3))
    loop.run(3)
    assert [frame.step for frame in capture.frames] == list(range(9))
    assert agrees(capture.frames, loop)


@pytest.mark.parametrize("budget", [None, 0.01])
def test_steps_that_threads_take_in_turns_are_all_seen_once_each_has_stepped(
    watch: Watch, budget: float | None
) -> None:
    threads = 3
    loop = Loop(network(), 0.0)
    capture = watch(loop.model, budget=budget)
    pools = [ThreadPoolExecutor(1) for _ in range(threads)]
    turns = [pools[turn % threads] for turn in range(40)]
    norms: list[float] = []
    for turn, pool in enumerate(turns):
        pool.submit(loop.run, 1).result()
        if 0 < turn < threads:
            continue  # the first step of a thread that nobody knew
        norms.append(loop.norms[-1])
    loop.norms = norms
    for pool in pools:
        pool.shutdown()
    assert capture.step == len(norms)
    assert len(capture.frames) == len(norms) or budget is not None
    assert agrees(capture.frames, loop)
    assert all(frame.is_measured("act_rms").all() for frame in capture.frames)
    assert capture.problems == []


def test_a_forward_on_another_thread_takes_no_step_away(watch: Watch) -> None:
    model = network()
    optimizer = SGD(model.parameters(), lr=1e-3)
    capture = watch(model)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            optimizer.zero_grad()
            pool.submit(lambda: model(torch.ones(8, 6)).square().mean()).result().backward()
            optimizer.step()
    assert [frame.step for frame in capture.frames] == list(range(20))


def test_a_forward_with_other_weights_is_no_training(watch: Watch) -> None:
    loop = Loop(network(), 5.0)
    capture = watch(loop.model)
    others = {name: one.detach() for name, one in loop.model.named_parameters()}
    for _ in range(4):
        on_another_thread(lambda: loop.run(1))
        torch.func.functional_call(loop.model, others, (torch.randn(8, 6),))
    capture.close()
    assert [frame.step for frame in capture.frames] == [0, 1, 2, 3]
    assert agrees(capture.frames, loop)
    assert all(frame.is_measured("act_rms").all() for frame in capture.frames)


def test_training_goes_before_a_forward_that_only_looked_like_it(watch: Watch) -> None:
    loop = Loop(network(), 5.0)
    capture = watch(loop.model)
    for _ in range(4):
        loop.model(torch.randn(8, 6))
        on_another_thread(lambda: loop.run(1))
    capture.close()
    assert [frame.step for frame in capture.frames] == [0, 1, 2, 3]
    assert agrees(capture.frames, loop)


def test_a_loop_without_an_optimizer_moves_too(watch: Watch) -> None:
    model = network()
    capture = watch(model)

    def step() -> None:
        for _ in range(3):
            for one in model.parameters():
                one.grad = None
            model(torch.ones(4, 6)).square().mean().backward()
            with torch.no_grad():
                for one in model.parameters():
                    one.sub_(one.grad, alpha=0.1)  # type: ignore[arg-type]  # just made

    on_another_thread(step)
    on_another_thread(step)
    capture.close()
    assert len(capture.frames) >= 5


def test_steps_in_a_row_on_another_thread_move_the_training_there() -> None:
    guard = Guard()
    thread = TrainingThread(guard)
    assert thread.owns_step()
    mine = guard.thread
    answers: list[bool] = []
    on_another_thread(lambda: answers.extend(thread.owns_step() for _ in range(STEPS)))
    assert answers == [False] * (STEPS - 1) + [True]
    assert guard.thread != mine


def test_a_pass_counts_by_the_parameters_that_it_leads_to() -> None:
    model, other = network(), network(1)
    x = torch.ones(2, 6)
    thread = TrainingThread(Guard())
    number_of = LayerTable(model, None).number_of
    assert not thread.owns_pass([other(x).sum()], number_of)
    assert thread.owns_pass([model(x).sum()], number_of)


def test_only_the_beginning_of_a_graph_is_searched() -> None:
    model = network()
    far: Tensor = model(torch.ones(2, 6)).sum()
    for _ in range(NODES):
        far = far + 1
    assert not TrainingThread(Guard()).owns_pass([far], LayerTable(model, None).number_of)
