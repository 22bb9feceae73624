"""The gate: what each command does, on which thread, and that nobody waits forever."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from textwrap import dedent

import pytest

from gradwidget.action import Clip
from gradwidget.control.commands import MOST_STEPS, Apply, Errand, Pause, Resume, Step, Undo
from gradwidget.control.gate import MOST_PENDING, Gate

PATIENCE = 10.0


class Loop(threading.Thread):
    """A training loop in a thread: a step adds one to ``done``."""

    def __init__(self, gate: Gate, steps: int = 10**9) -> None:
        super().__init__(daemon=True)
        self.gate, self.steps, self.done, self.stopping = gate, steps, 0, False

    def run(self) -> None:
        while self.done < self.steps and not self.stopping:
            self.done += 1
            if self.gate.step_done():
                self.gate.cross(self.done - 1)

    def finish(self) -> None:
        self.stopping = True
        self.gate.close()
        self.join(PATIENCE)
        assert not self.is_alive()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)


def is_paused(gate: Gate) -> Callable[[], bool]:
    return lambda: gate.state.mode == "paused"


def refuse(_command: Errand, _step: int) -> str:
    message = "there is nothing to clip"
    raise ValueError(message)


def test_a_pause_comes_at_the_end_of_the_step_and_resume_runs_on() -> None:
    gate = Gate(refuse)
    loop = Loop(gate)
    loop.start()
    until(lambda: loop.done > 10)
    assert gate.submit(Pause()).result(PATIENCE).ok
    until(is_paused(gate))
    done = loop.done
    assert gate.state.step == done - 1
    gate.submit(Resume())
    until(lambda: loop.done > done + 10)
    assert gate.state.mode == "running"
    loop.finish()


@pytest.mark.parametrize("count", [1, 3, 17])
def test_stepping_runs_exactly_that_many_steps(count: int) -> None:
    gate = Gate(refuse)
    gate.submit(Pause())
    loop = Loop(gate)
    loop.start()
    until(is_paused(gate))
    assert loop.done == 1
    gate.submit(Step(count))
    until(lambda: gate.state.step == count)
    assert loop.done == 1 + count
    loop.finish()


def test_steps_in_quick_succession_add_up_and_a_pause_behind_them_loses_none_that_began() -> None:
    gate = Gate(refuse)
    gate.submit(Pause())
    assert gate.step_done()
    gate.submit(Step())
    gate.submit(Step(2))
    assert gate.state.left == 3
    gate.submit(Pause())
    assert gate.state.left == 1


def test_a_change_is_carried_out_by_the_training_thread_while_paused() -> None:
    seen: list[tuple[int | None, int]] = []

    def perform(_command: Errand, step: int) -> str:
        seen.append((threading.get_ident(), step))
        return "clipped"

    gate = Gate(perform)
    gate.submit(Pause())
    loop = Loop(gate)
    loop.start()
    until(is_paused(gate))
    answer = gate.submit(Apply(Clip(1.0))).result(PATIENCE)
    assert (answer.ok, answer.text) == (True, "clipped")
    assert seen == [(loop.ident, 0)]
    assert gate.state.mode == "paused"
    loop.finish()


def test_a_change_asked_for_while_running_waits_for_the_next_pause_point_only() -> None:
    gate = Gate(lambda _command, step: f"after step {step}")
    answer = gate.submit(Undo())
    assert not answer.done()
    assert gate.step_done()
    gate.cross(41)
    assert answer.result(PATIENCE).text == "after step 41"
    assert not gate.attention


def test_what_cannot_be_done_is_answered_with_the_reason() -> None:
    gate = Gate(refuse)
    answer = gate.submit(Apply(Clip(1.0)))
    gate.cross(0)
    assert not answer.result(PATIENCE).ok
    assert answer.result(PATIENCE).text == "there is nothing to clip"


def test_a_change_that_fails_is_answered_and_does_not_reach_the_loop() -> None:
    def fail(_command: Errand, _step: int) -> str:
        message = "by zero"
        raise ZeroDivisionError(message)

    gate = Gate(fail)
    answer = gate.submit(Undo())
    gate.cross(0)
    assert answer.result(PATIENCE).text == "Failed: ZeroDivisionError: by zero"


def test_closing_resumes_a_paused_loop_and_answers_what_is_pending() -> None:
    gate = Gate(refuse)
    pending = gate.submit(Undo())
    gate.close()
    gate.close()
    assert not pending.result(PATIENCE).ok
    assert not gate.submit(Pause()).result(PATIENCE).ok
    assert not gate.step_done()


def test_the_reason_for_a_pause_is_shown_until_the_loop_moves_on() -> None:
    gate = Gate(refuse)
    gate.submit(Pause("Loss is NaN."))
    gate.submit(Pause())
    assert gate.state.reason == "Loss is NaN."
    gate.submit(Step())
    assert gate.state.reason == ""


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Step(0)


def test_changes_of_state_are_told_outside_the_lock() -> None:
    told: list[str] = []
    free: list[bool] = []

    def changed() -> None:
        told.append(gate.state.mode)
        # Another thread gets the lock while this one is being told.
        other = threading.Thread(
            target=lambda: free.append(bool(gate.submit(Resume()).result(PATIENCE).text))
        )
        if len(told) == 1:
            other.start()
            other.join(PATIENCE)

    gate = Gate(refuse, changed)
    gate.submit(Pause())
    assert free == [True]
    assert told[-1] == "running"


INTERRUPTED = dedent("""
    import signal, threading, time
    from gradwidget.control.commands import Pause
    from gradwidget.control.gate import MOST_PENDING, Gate

    # Python leaves it out where its parent ignores interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gate = Gate(lambda command, step: "")

    def interrupt():
        gate.submit(Pause())
        while gate.state.mode != "paused":
            time.sleep(0.001)
        used = time.process_time()
        time.sleep(0.3)  # the stretch over which the processor's use is measured
        print("idle", time.process_time() - used < 0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        threading.Event().wait()  # it could still resume, until the process ends

    threading.Thread(target=interrupt, daemon=True).start()
    while not gate.attention:
        time.sleep(0.001)
    assert gate.step_done()
    try:
        gate.cross(0)
    except KeyboardInterrupt:
        print("interrupted", gate.state.mode, gate.attention)
""")


def test_an_interrupt_ends_the_wait_on_the_main_thread_which_used_no_processor() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["idle True", "interrupted running False"]


def test_a_cancelled_change_is_not_made_and_does_not_reach_the_loop() -> None:
    made: list[int] = []

    def make(_command: Errand, step: int) -> str:
        made.append(step)
        return "made"

    gate = Gate(make)
    cancelled, kept = gate.submit(Undo()), gate.submit(Undo())
    assert cancelled.cancel()
    gate.cross(3)
    assert made == [3]
    assert kept.result(0).ok
    also = gate.submit(Undo())
    also.cancel()
    gate.close()


def test_a_change_that_is_being_made_can_no_longer_be_cancelled() -> None:
    refused: list[bool] = []

    def make(_command: Errand, _step: int) -> str:
        refused.append(not answer.cancel())
        return "made"

    gate = Gate(make)
    answer = gate.submit(Undo())
    gate.cross(0)
    assert refused == [True]
    assert answer.result(0).ok


def test_changes_that_no_step_comes_to_make_are_bounded() -> None:
    gate = Gate(refuse)
    answers = [gate.submit(Undo()) for _ in range(10 * MOST_PENDING)]
    waiting = [answer for answer in answers if not answer.done()]
    assert len(waiting) == MOST_PENDING
    assert answers[-1].result(0).text == "64 changes wait for the next training step already."
    for answer in waiting:
        answer.cancel()
    assert not gate.submit(Undo()).done(), "what was cancelled takes no room"
    gate.cross(0)
    assert not gate.attention


def test_step_counts_and_their_sums_are_bounded() -> None:
    gate = Gate(refuse)
    for _ in range(3):
        gate.submit(Step(MOST_STEPS))
    assert gate.state.left == MOST_STEPS
    for count in (MOST_STEPS + 1, 10**5000):
        with pytest.raises(ValueError, match="at most 1,000,000,000 steps"):
            Step(count)
    with pytest.raises(ValueError, match="at least 1, not a number of"):
        Step(-(10**5000))


def test_an_interrupt_while_others_are_told_of_a_pause_leaves_the_gate_open() -> None:
    def changed() -> None:
        if gate.state.mode == "paused":
            raise KeyboardInterrupt

    gate = Gate(refuse, changed)
    threading.Thread(target=gate.submit, args=(Pause(),)).start()
    until(lambda: gate.attention)
    gate.resumers.page_answers()
    gate.resumers._page_threads.add(-1)
    gate.step_done()
    with pytest.raises(KeyboardInterrupt):
        gate.cross(0)
    assert (gate.state.mode, gate.attention) == ("running", False)
