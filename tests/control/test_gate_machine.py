"""Random commands from two threads against a loop in a third: no deadlock, no lost step, the same
weights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from gradwidget.action import ScaleLr
from gradwidget.control.commands import Answer, Apply, Command, Errand, Pause, Resume, Step, Undo
from gradwidget.control.gate import Gate

PATIENCE = 20.0
STEPS = 40

commands: st.SearchStrategy[Command] = st.one_of(
    st.just(Pause()),
    st.just(Resume()),
    st.integers(1, 4).map(Step),
    st.sampled_from([0.1, 0.5]).map(lambda factor: Apply(ScaleLr(factor))),
    st.just(Undo()),
)


class Training:
    """Gradient descent on w² with a learning rate that changes may scale; the plain run is the same
    arithmetic."""

    def __init__(self) -> None:
        self.weight, self.factors, self.done = 1.0, [], 0  # type: float, list[float], int
        self.changes: list[tuple[int, tuple[float, ...]]] = []

    def step(self) -> None:
        rate = 0.01
        for factor in self.factors:
            rate *= factor
        self.weight -= rate * 2 * self.weight
        self.done += 1

    def perform(self, command: Errand, step: int) -> str:
        assert step == self.done - 1, "a change in the middle of a step"
        if isinstance(command, Apply):
            assert isinstance(command.action, ScaleLr)
            self.factors.append(command.action.factor)
        elif self.factors:
            self.factors.pop()
        else:
            message = "nothing to undo"
            raise ValueError(message)
        self.changes.append((self.done, tuple(self.factors)))
        return "done"

    def replayed(self) -> float:
        """The weight of a run without a gate, in which the same changes are made by hand."""
        plain = Training()
        for step in range(self.done):
            for when, factors in self.changes:
                if when == step:
                    plain.factors = list(factors)
            plain.step()
        return plain.weight


class Session(RuleBasedStateMachine):
    """One loop in its own thread; commands come from this thread and from another."""

    def __init__(self) -> None:
        super().__init__()
        self.training = Training()
        self.gate = Gate(self.training.perform)
        self.answers: list[Future[Answer]] = []
        self.other = ThreadPoolExecutor(1)
        self.loop = threading.Thread(target=self._train, daemon=True)

    def _train(self) -> None:
        while self.training.done < STEPS:
            self.training.step()
            if self.gate.step_done():
                self.gate.cross(self.training.done - 1)

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition() and self.loop.is_alive():
            assert time.monotonic() < deadline, "deadlock"
            time.sleep(0)

    @initialize(paused=st.booleans())
    def begin(self, paused: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        if paused:
            self.gate.submit(Pause())
        self.loop.start()

    @rule(command=commands)
    def ask(self, command: Command) -> None:
        self.answers.append(self.gate.submit(command))

    @rule(mine=commands, others=commands)
    def ask_from_both_threads(self, mine: Command, others: Command) -> None:
        handed_in = self.other.submit(self.gate.submit, others)
        self.answers.append(self.gate.submit(mine))
        self.answers.append(handed_in.result(PATIENCE))

    # What these rules need they bring about themselves: a precondition on the other thread's state
    # would make the sequences depend on timing.
    @rule(count=st.integers(1, 5))
    def step_from_a_pause_exactly(self, count: int) -> None:
        before = self._pause()
        self.gate.submit(Step(count))
        self._until(lambda: self.gate.state.step == before + count - 1)
        assert self.training.done == min(before + count, STEPS)

    @rule(factor=st.sampled_from([0.1, 2.0]))
    def apply_while_paused_at_once(self, factor: float) -> None:
        before = self._pause()
        answer = self.gate.submit(Apply(ScaleLr(factor)))
        if self.loop.is_alive():
            assert answer.result(PATIENCE).ok
            assert self.training.done == before

    def _pause(self) -> int:
        self.gate.submit(Pause())
        self._until(lambda: self.gate.state.mode == "paused")
        return self.training.done

    def teardown(self) -> None:
        if self.loop.ident is not None:
            self.gate.submit(Resume())
            self.loop.join(PATIENCE)
            assert not self.loop.is_alive(), "the loop is stranded"
            assert self.training.done == STEPS
            assert self.training.weight == self.training.replayed()
        self.gate.close()
        self.other.shutdown()
        for answer in self.answers:
            assert not answer.result(PATIENCE).text.startswith("Failed")


@pytest.mark.slow
def test_a_thousand_random_sessions_end_well() -> None:
    run_state_machine_as_test(
        Session,
        settings=settings(
            max_examples=1000,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
