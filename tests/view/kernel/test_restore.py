"""What a page that opens while a cell runs is answered, asked of a real kernel the way JupyterLab
asks it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import ipywidgets
import pytest
from ipykernel.kernelbase import Kernel
from ipywidgets import Widget

from gradwidget.view.kernel.restore import TRIES, Restorer, restorer, widget_states
from tests.support.console import SubshellConsole
from tests.support.server import wait_until
from tests.view.page import Page

SETUP = """
import ipywidgets
from gradwidget.view.kernel import restore

box = ipywidgets.IntText(3)
picture = ipywidgets.Image(value=b"pixels")
failed = []
def contain(where, error): failed.append(f"{where}: {error}")
guard = restore.restorer()
guard.join(contain)
"""


@pytest.mark.slow
def test_a_page_is_told_of_the_kernel_and_its_widgets_while_a_cell_runs(
    page: Page, console: SubshellConsole
) -> None:
    cell = page.runs()
    info = page.answer(page.ask("kernel_info_request", {}))
    assert "kernel subshells" in info["content"]["supported_features"]
    comms = page.answer(page.ask("comm_info_request", {"target_name": "jupyter.widget"}))[
        "content"
    ]["comms"]
    told = page.heard("comm_msg", comm_id=page.request_states())
    states = told["content"]["data"]["states"]
    assert states.keys() == comms.keys()
    box = states[console.evaluate("box.model_id")]
    assert (box["model_name"], box["state"]["value"]) == ("IntTextModel", 3)
    assert told["content"]["data"]["buffer_paths"] == [
        [console.evaluate("picture.model_id"), "state", "value"]
    ]
    assert [bytes(buffer) for buffer in told["buffers"]] == [b"pixels"]
    assert console.evaluate("failed") == []
    console.execute("go.set()")
    assert page.answer(cell)["content"]["status"] == "ok"


@pytest.mark.slow
def test_what_changes_something_waits_for_its_turn(page: Page, console: SubshellConsole) -> None:
    cell = page.runs()
    change = {"method": "update", "state": {"value": 7}, "buffer_paths": []}
    page.ask("comm_msg", {"comm_id": console.evaluate("box.model_id"), "data": change})
    later = page.client.execute("box.value")
    page.answer(page.ask("kernel_info_request", {}))
    assert console.evaluate("box.value") == 3
    console.execute("go.set()")
    page.answer(later)
    assert page.heard("execute_result")["content"]["data"]["text/plain"] == "7"
    assert page.order() == ["kernel_info_reply", "execute_reply", "execute_reply"]
    assert page.answer(cell)["content"]["status"] == "ok"


@pytest.mark.slow
def test_a_question_that_cannot_be_answered_goes_its_ordinary_way(
    page: Page, console: SubshellConsole
) -> None:
    page.runs()
    console.execute("def fails(): raise LookupError('no states')\nrestore.widget_states = fails")
    comm = page.request_states()
    console.execute("guard._handlers = {}")
    asked = page.ask("kernel_info_request", {})
    wait_until(lambda: console.evaluate("len(failed)") == 2, "both failures")
    assert console.evaluate("sorted(failed)") == [
        "answering a page that opened while a cell runs: 'kernel_info_request'",
        "answering a page that opened while a cell runs: no states",
    ]
    console.execute("go.set()")
    assert page.answer(asked)["msg_type"] == "kernel_info_reply"
    assert page.order() == ["execute_reply", "kernel_info_reply"]
    assert page.heard("comm_msg", comm_id=comm)["content"]["data"]["method"] == "update_states"


@pytest.mark.slow
def test_nothing_is_answered_early_once_nobody_wants_it(
    page: Page, console: SubshellConsole
) -> None:
    page.runs()
    console.execute("guard.leave(contain); guard.leave(contain)")
    asked = page.ask("kernel_info_request", {})
    console.execute("go.set()")
    page.answer(asked)
    assert page.order() == ["execute_reply", "kernel_info_reply"]


def test_other_kernels_are_left_alone() -> None:
    assert restorer() is None
    with pytest.raises(AttributeError):
        Restorer(object())
    without_subshells = Kernel()  # type: ignore[no-untyped-call]  # ipykernel's
    with pytest.raises(AttributeError):
        Restorer(without_subshells)


class ControlComm:
    """Keeps what ipywidgets sends over it."""

    def send(self, data: dict[str, Any], buffers: list[memoryview]) -> None:
        self.sent = data, [bytes(buffer) for buffer in buffers]


def test_the_states_are_those_that_ipywidgets_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    widgets = [ipywidgets.Image(value=b"one"), ipywidgets.HBox([ipywidgets.Label("two")])]
    comm = ControlComm()
    monkeypatch.setattr(Widget, "_control_comm", comm)
    Widget._handle_control_comm_msg({"content": {"data": {"method": "request_states"}}})
    assert widget_states() == comm.sent
    for widget in widgets:
        widget.close()


def test_a_widget_that_is_made_meanwhile_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def read() -> dict[str, Any]:
        looks.append(len(looks))
        if len(looks) < TRIES:
            message = "dictionary changed size during iteration"
            raise RuntimeError(message)
        return {
            "state": {
                "x": {
                    "state": {},
                    "buffers": [{"path": ["v", 0], "data": b64encode(b"1").decode()}],
                }
            }
        }

    monkeypatch.setattr(Widget, "get_manager_state", staticmethod(read))
    data, buffers = widget_states()
    assert (data["buffer_paths"], buffers) == ([["x", "state", "v", 0]], [b"1"])
    assert len(looks) == TRIES
