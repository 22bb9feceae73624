"""A loop is paused only where somebody can resume it: who that is, and what is said otherwise."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent

import pytest
import torch
from torch import nn

from gradwidget import GradWidget
from gradwidget.action import Applied
from gradwidget.control import resumers
from gradwidget.control.commands import Pause, Step, Undo
from gradwidget.control.control import Control
from gradwidget.control.gate import Gate
from gradwidget.diagnose.finding import Remedy
from gradwidget.session import Session
from gradwidget.view.kernel import page_while_busy
from tests.support.server import wait_until

PATIENCE = 20.0


def gate_of_this_thread() -> Gate:
    """A gate that this thread has passed already."""
    gate = Gate(lambda _command, step: f"after step {step}")
    gate.submit(Step())
    gate.step_done()
    gate.cross(0)
    return gate


def in_another_thread(gate: Gate, until: threading.Event) -> None:
    """Pauses from a thread that lives on until it is told to end."""
    asked = threading.Event()

    def ask() -> None:
        gate.submit(Pause())
        asked.set()
        until.wait(PATIENCE)

    threading.Thread(target=ask, daemon=True).start()
    assert asked.wait(PATIENCE)


def test_the_only_thread_is_not_paused_and_told_why() -> None:
    refused: list[str] = []
    states: list[str] = []
    gate = Gate(
        lambda _command, step: f"after step {step}",
        changed=lambda: states.append(gate.state.mode),
        refused=refused.append,
    )
    assert gate.submit(Pause()).result().ok, "before the first step it may be another thread's"
    assert gate.step_done()
    gate.cross(0)
    assert "paused" not in states
    assert not gate.attention
    assert refused[0].startswith("Not paused: only the thread that trains has asked")


@pytest.mark.parametrize("waits", ["join", "pool"])
def test_a_thread_that_waits_for_the_training_one_cannot_resume_it(waits: str) -> None:
    gate = Gate(lambda _command, step: f"after step {step}")
    passed = threading.Event()

    def train() -> None:
        wait_until(lambda: _is_blocked(asker), "the asking thread to wait")
        gate.step_done()
        gate.cross(0)
        passed.set()

    def ask() -> None:
        gate.submit(Pause())
        if waits == "join":
            trainer = threading.Thread(target=train, daemon=True)
            trainer.start()
            trainer.join()
            return
        with ThreadPoolExecutor(1) as pool:
            pool.submit(train)

    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    assert passed.wait(PATIENCE)
    asker.join(PATIENCE)
    assert not gate.attention


def _is_blocked(thread: threading.Thread) -> bool:
    frame = resumers._frame_of(thread.ident or 0)
    names = {one.f_code.co_name for one, _ in traceback.walk_stack(frame)}
    return "join" in names


def test_once_it_is_known_which_thread_trains_its_requests_are_refused_at_once() -> None:
    gate = gate_of_this_thread()
    for command in (Pause(), Step(3)):
        answer = gate.submit(command).result()
        assert not answer.ok
        assert 'on_finding="breakpoint"' in answer.text
    assert not gate.attention


def test_pause_and_step_raise_what_was_refused() -> None:
    control = Control(lambda action: Applied(lambda: None, action.text))
    control.step()  # before the first step, the pause point decides
    control.gate.step_done()
    control.gate.cross(0)
    with pytest.raises(ValueError, match="could not resume itself"):
        control.pause()
    with pytest.raises(ValueError, match="could not resume itself"):
        control.step(2)
    control.resume()


def test_a_pending_change_is_made_where_the_pause_is_refused() -> None:
    gate = Gate(lambda _command, step: f"after step {step}")
    gate.submit(Pause())
    answer = gate.submit(Undo())
    gate.step_done()
    gate.cross(7)
    assert answer.result(0).text == "after step 7"


def test_the_loop_is_resumed_when_the_thread_that_paused_it_has_ended() -> None:
    refused: list[str] = []
    paused, end = threading.Event(), threading.Event()
    gate = Gate(
        lambda _command, _step: "",
        changed=lambda: paused.set() if gate.state.mode == "paused" else None,
        refused=refused.append,
    )
    in_another_thread(gate, end)

    def ends() -> None:
        paused.wait(PATIENCE)
        end.set()

    threading.Thread(target=ends, daemon=True).start()
    gate.step_done()
    gate.cross(0)
    assert paused.is_set()
    assert len(refused) == 1


def test_a_page_that_answers_while_the_cell_runs_can_resume_it() -> None:
    gate = gate_of_this_thread()
    page = threading.Thread(target=gate.resumers.page_answers)
    page.start()
    page.join()
    # The page may have gone; the next one has the same channel.
    assert gate.submit(Pause()).result().ok
    threading.Timer(0.05, gate.close).start()
    gate.step_done()
    gate.cross(1)


def test_a_page_that_only_answers_between_two_cells_cannot() -> None:
    gate = gate_of_this_thread()
    gate.resumers.page_answers()  # on the main thread, which trains
    assert not gate.submit(Pause()).result().ok


def test_a_pause_that_comes_when_the_cell_has_ended_is_refused_and_holds_no_later_one() -> None:
    gate = Gate(lambda _command, _step: "")
    for _ in range(3):
        gate.step_done()
    gate.resumers.page_answers()  # on the main thread, once it is free
    assert not gate.submit(Pause()).result().ok
    assert gate.state.mode == "running"


COLLECTING_ALL_THE_TIME = """
    import gc, threading
    from gradwidget.control.resumers import Resumers

    class Garbage:
        def __init__(self):
            self.itself, self.local = self, threading.local()
            self.local.value = 1

    resumers, go_on = Resumers(), threading.Event()

    def ask():
        resumers.asked()
        go_on.wait()

    asking = threading.Thread(target=ask)
    asking.start()
    while resumers.refusal(threading.get_ident()) is not None:
        pass
    gc.set_threshold(1)
    for _ in range(2000):
        Garbage()
        assert resumers.refusal(threading.get_ident()) is None
    print("collecting" if gc.isenabled() else "not collecting")
    go_on.set()
"""


def test_who_waits_is_found_however_often_garbage_is_collected() -> None:
    done = subprocess.run(
        [sys.executable, "-c", dedent(COLLECTING_ALL_THE_TIME)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("collecting", "")


def test_nor_can_one_whose_messages_come_on_the_very_thread_that_trains() -> None:
    said: list[bool] = []

    def cell() -> None:  # as in marimo run, where a kernel is a thread
        gate = gate_of_this_thread()
        gate.resumers.page_answers()
        said.append(gate.submit(Pause()).result().ok)

    thread = threading.Thread(target=cell)
    thread.start()
    thread.join()
    assert said == [False]


def test_a_page_that_is_just_opening_is_waited_for_but_not_forever() -> None:
    refused: list[str] = []
    gate = Gate(lambda _command, _step: "", refused=refused.append)
    gate.resumers.expect_page("No page has answered.", 0.2)
    gate.submit(Pause())
    gate.step_done()
    gate.cross(0)
    assert refused == ["No page has answered."]
    answer = gate.submit(Pause()).result()
    assert answer.text == "No page has answered.", "the second time nobody waits"


def test_a_page_that_opens_in_time_keeps_the_loop_paused() -> None:
    gate = Gate(lambda _command, _step: "")
    gate.resumers.expect_page("No page has answered.", PATIENCE)
    gate.submit(Pause())
    gate.step_done()

    def opens() -> None:
        gate.resumers.page_answers()
        assert gate.state.mode == "paused"
        gate.close()

    threading.Timer(0.1, opens).start()
    gate.cross(0)
    assert gate.closed


def nan_loop(model: nn.Module) -> int:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for step in range(12):
        inputs = torch.randn(8, 4)
        if step == 5:
            inputs[0, 0] = float("nan")
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        optimizer.step()
    return step


class WithoutSubshells:
    """A kernel of ipykernel 6."""


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (None, "this notebook cannot reach a running cell"),
        (WithoutSubshells(), "this kernel has no subshells, so nothing could resume the cell"),
    ],
)
def test_a_pause_on_a_finding_that_nobody_could_end_is_a_problem_and_training_goes_on(
    kernel: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_while_busy, "running_kernel", lambda: kernel)
    model = nn.Linear(4, 1)
    widget = GradWidget(model, on_finding="pause")
    assert nan_loop(model) == 11
    (problem,) = widget.monitor.problems
    assert problem.where == "pausing"
    assert said in problem.message
    assert 'on_finding="breakpoint"' in problem.message
    widget.close()


def test_a_page_that_asks_when_the_cell_has_ended_is_refused_and_the_next_cell_not_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_while_busy, "running_kernel", lambda: None)
    model = nn.Linear(4, 1)
    widget = GradWidget(model)
    assert nan_loop(model) == 11
    with pytest.raises(ValueError, match="cannot reach a running cell"):
        widget.pause()
    assert nan_loop(model) == 11
    assert widget.monitor.problems == []
    widget.close()


def test_widget_pause_in_the_training_thread_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_while_busy, "running_kernel", WithoutSubshells)
    model = nn.Linear(4, 1)
    widget = GradWidget(model)
    widget.pause()
    assert nan_loop(model) == 11
    with pytest.raises(ValueError, match="upgrade ipykernel"):
        widget.pause()
    widget.close()


def test_the_kernel_tells_whether_a_page_is_worth_waiting_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class WithSubshells:
        _main_asyncio_lock = threading.Lock()

    monkeypatch.setattr(page_while_busy, "running_kernel", WithSubshells)
    refusal, patience = page_while_busy.page_while_busy()
    assert patience > 0
    assert "Display the widget" in refusal


def test_an_apply_from_the_paused_thread_itself_does_not_wait_for_it() -> None:
    said: list[str] = []
    end = threading.Event()

    asked: list[bool] = []

    def changed() -> None:
        if control.gate.state.mode == "paused" and not asked:
            asked.append(True)
            clip = Remedy("Clip", "", "", {"kind": "clip", "max_norm": 1.0})
            said.append(control.apply(clip))
            control.resume()

    control = Control(lambda action: Applied(lambda: None, action.text), changed)
    in_another_thread(control.gate, end)
    control.gate.step_done()
    control.gate.cross(0)
    end.set()
    assert said[0].startswith("Pending")
    assert len(control.changes) == 1


FORKED = dedent("""
    import os, sys, threading, warnings
    import torch
    from torch import nn
    from gradwidget.session import Session

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    session = Session(model)

    def train(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            model(torch.ones(2, 3)).sum().backward()
            optimizer.step()

    train(2)
    asks = threading.Thread(target=lambda: (session.control.pause(), threading.Event().wait()))
    asks.daemon = True
    asks.start()
    while not session.control.gate.attention:
        pass
    if HELD:
        session.control.gate._condition.acquire()  # as another thread might, at that moment
    child = os.fork()
    if child == 0:
        train(4)
        try:
            session.control.pause()
        except ValueError as error:
            print(str(error)[:44], flush=True)
        print("trained", session.control.gate.state.mode, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    os._exit(0)
""")


@pytest.mark.slow
@pytest.mark.parametrize("held", [False, True])
def test_a_forked_child_trains_on_whatever_was_asked_of_its_parent(*, held: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED.replace("HELD", str(held))],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "Not paused: this process was forked from the",
        "trained running",
    ]


def test_callbacks_that_raise_never_reach_the_loop_and_are_problems() -> None:
    model = nn.Linear(4, 1)
    session = Session(model, budget=None)
    frames: list[int] = []

    def broken(*_: object) -> None:
        message = "my mistake"
        raise ZeroDivisionError(message)

    session.on_frame.extend((broken, lambda: frames.append(1)))
    session.on_control.append(broken)
    session.on_inspection.append(broken)
    session.inspect(session.layers[0].name)
    end = threading.Event()
    in_another_thread(session.control.gate, end)
    threading.Timer(0.05, session.control.resume).start()
    assert nan_loop(model) == 11
    end.set()
    session.close()
    assert len(frames) == 12, "one that fails silences itself only"
    places = {problem.where.rpartition(" ")[2] for problem in session.problems}
    assert places == {"on_frame", "on_control", "on_inspection"}
    assert all("my mistake" in one.traceback for one in session.problems if one.traceback)
