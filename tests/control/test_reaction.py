"""What is done when a finding opens, in real loops: raise, call, pause, or open a debugger."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from torch import nn

from gradwidget import Finding, GradientError, GradMonitor
from gradwidget.action import Applied
from gradwidget.control.control import Control
from gradwidget.control.reaction import OnFinding, Reaction
from gradwidget.diagnose.finding import Severity, Symptom

BAD_STEP = 5


def loop(
    model: nn.Module, steps: int, *, bad: int = BAD_STEP, done: list[int] | None = None
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for step in range(steps):
        inputs = torch.randn(8, 4)
        if step == bad:
            inputs[0, 0] = float("nan")
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        optimizer.step()
        if done is not None:
            done.append(step)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def finding(severity: Severity = "critical", step: int = 3) -> Finding:
    return Finding(Symptom.LOSS_NONFINITE, severity, "The loss is NaN.", (), step, step, step)


def test_raise_ends_the_loop_after_the_step_in_which_the_finding_opened() -> None:
    done: list[int] = []
    model = network()
    with pytest.raises(GradientError) as caught, GradMonitor(model, on_finding="raise") as monitor:
        loop(model, 20, done=done)
    assert done[-1] == BAD_STEP
    assert caught.value.finding in monitor.findings
    assert caught.value.finding.severity == "critical"
    assert str(caught.value) == caught.value.finding.message
    assert monitor.closed


def test_a_finding_in_the_very_last_step_is_raised_at_the_end() -> None:
    model = network()
    with pytest.raises(GradientError), GradMonitor(model, on_finding="raise"):
        loop(model, BAD_STEP + 1)


def test_an_error_of_the_loop_itself_is_not_replaced() -> None:
    model = network()

    def broken() -> None:
        with GradMonitor(model, on_finding="raise"):
            loop(model, BAD_STEP + 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()


def test_a_run_without_findings_raises_nothing() -> None:
    model = network()
    with GradMonitor(model, on_finding="raise"):
        loop(model, 20, bad=-1)


def test_a_function_gets_each_finding_once_on_the_training_thread_and_its_failure_stays_there() -> (
    None
):
    got: list[Finding] = []
    threads: set[int] = set()

    def note(found: Finding) -> None:
        got.append(found)
        threads.add(threading.get_ident())
        message = "my mistake"
        raise ValueError(message)

    model = network()
    with GradMonitor(model, on_finding=note) as monitor:
        loop(model, 20)
    assert got
    assert len({(found.symptom, found.reported_step, found.severity) for found in got}) == len(got)
    assert threads == {threading.get_ident()}
    assert "my mistake" in monitor.problems[0].traceback


def test_a_word_alone_is_for_critical_findings_and_a_mapping_says_it_for_each() -> None:
    control = Control(lambda action: Applied(lambda: None, action.text))
    reaction = Reaction(control, lambda function, found: function(found))
    reaction.set("pause", resumable=True)
    reaction.opened([finding("warning")])
    assert control.gate.state.mode == "running"
    reaction.opened([finding("critical")])
    assert control.gate.state.reason.endswith(": The loss is NaN.")
    control.resume()
    reaction.opened([finding("critical")])
    assert control.gate.state.mode == "running", "the same finding pauses the loop once"
    reaction.set({"warning": "pause"}, resumable=True)
    reaction.opened([finding("critical", 4)])
    assert not control.gate.attention
    reaction.opened([finding("warning", 4)])
    assert control.gate.attention


def test_headless_nobody_could_resume() -> None:
    with pytest.raises(ValueError, match="nobody could resume"):
        GradMonitor(network(), on_finding="pause")
    with pytest.raises(ValueError, match="nobody could resume"):
        GradMonitor(network(), on_finding={"warning": "pause"})


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ("stop", ValueError, "unknown response 'stop'; known are pause, breakpoint, raise"),
        ({"fatal": "raise"}, ValueError, "unknown severity 'fatal'"),
        ({"warning": "stop"}, ValueError, "unknown response"),
        (3, TypeError, "not int"),
    ],
)
def test_what_makes_no_sense_is_refused(given: Any, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        GradMonitor(network(), on_finding=given)


def test_a_pause_on_a_finding_keeps_the_inputs_of_that_step() -> None:
    model, done = network(), list[int]()
    monitor = GradMonitor(model)
    monitor._session.respond("pause", resumable=True)
    paused = threading.Event()
    monitor._session.on_control.append(
        lambda: paused.set() if monitor._session.control.gate.state.mode == "paused" else None
    )
    training = threading.Thread(target=loop, args=(model, 20), kwargs={"done": done}, daemon=True)
    training.start()
    assert paused.wait(20)
    assert done[-1] == BAD_STEP
    assert monitor._session.control.gate.state.step == BAD_STEP
    assert monitor.batch is not None
    (inputs,) = monitor.batch.args
    assert monitor.batch.step == BAD_STEP
    assert torch.isnan(inputs[0, 0])
    monitor._session.respond(None, resumable=True)
    monitor._session.control.resume()
    training.join(20)
    assert len(done) == 20
    assert monitor.batch is None
    monitor.close()


def test_responses_can_be_looked_up_by_severity() -> None:
    given: OnFinding = {"critical": "raise", "warning": None}
    monitor = GradMonitor(network(), on_finding=given)
    assert dict(monitor._session.responses) == {"critical": "raise"}
    monitor.close()


SCRIPT = dedent("""
    import torch
    from torch import nn
    from gradwidget import GradMonitor

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    monitor = GradMonitor(model, on_finding="breakpoint")

    def train_step(step):
        inputs = torch.randn(8, 4)
        if step == 5:
            inputs[0, 0] = float("nan")
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        optimizer.step(){behind}

    for step in range(8):
        train_step(step)
        scheduler.step()
    print("finished", step)
""")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behind", "line", "look", "seen"),
    [
        ("\n    done = True", "done = True", "print('loss is', loss.item())", "loss is nan"),
        ("", "scheduler.step()", "print('step is', step)", "step is 5"),
    ],
)
def test_a_breakpoint_opens_in_the_users_frame_on_the_line_after_the_step(
    tmp_path: Path, behind: str, line: str, look: str, seen: str
) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace("{behind}", behind))
    done = subprocess.run(
        [sys.executable, str(script)],
        input=f"{look}\n" + "continue\n" * 9,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split("-> ")[1].startswith(line)
    assert seen in done.stdout
    assert "finished 7" in done.stdout
