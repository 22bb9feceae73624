"""The line below a cell whose loop is paused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from gradwidget.control.gate import Gate, GateState
from gradwidget.view.notebook.paused_line import PausedLine


@dataclass
class Standing:
    """What is read of a gate."""

    state: GateState
    is_paused_here: bool


HELD = GateState("paused", 0, 1239, "a finding")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell of a kernel."""
    monkeypatch.setattr("gradwidget.view.notebook.paused_line.running_kernel", object)
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def told(line: PausedLine, *states: GateState, here: bool = True) -> list[tuple[str, bool]]:
    """The texts that come out, and of each whether it is a new line."""
    with capture_output() as captured:
        for state in states:
            line.follow(cast("Gate", Standing(state, is_paused_here=here)))
    outputs: list[Any] = captured.outputs
    return [(output.data["text/plain"], not output.update) for output in outputs]


def test_it_says_who_has_paused_the_loop_since_when_and_how_to_go_on(
    shell: InteractiveShell,
) -> None:
    del shell
    ((text, is_new),) = told(PausedLine("Net"), HELD)
    assert is_new
    assert "gradwidget has paused this loop after step 1,239 (a finding)" in text
    how, end = text.split("\n")
    assert how.endswith("To go on: Resume in the picture of Net, or its key p.")
    assert end == "Interrupting the kernel ends the cell."


def test_it_is_gone_while_the_loop_runs_and_is_one_line_however_often_it_is_paused(
    shell: InteractiveShell,
) -> None:
    del shell
    again = GateState("paused", 0, 1240)
    texts = told(PausedLine("Net"), HELD, HELD, GateState("stepping", 1), again, GateState())
    assert [is_new for _, is_new in texts] == [True, False, False, False]
    assert [bool(text) for text, _ in texts] == [True, False, True, False]


def test_the_next_cell_has_a_line_of_its_own(shell: InteractiveShell) -> None:
    line = PausedLine("Net")
    told(line, HELD, GateState())
    shell.execution_count += 1
    assert [is_new for _, is_new in told(line, HELD)] == [True]


def test_where_no_cell_waits_nothing_is_said(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    del shell
    assert told(PausedLine("Net"), HELD, here=False) == []
    monkeypatch.setattr("gradwidget.view.notebook.paused_line.running_kernel", lambda: None)
    assert told(PausedLine("Net"), HELD) == []
