"""What a kernel says of itself when it has served a message beside a running cell."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from gradwidget.view.kernel.busy_status import keep_status
from gradwidget.view.kernel.page_comm import TARGET
from tests.support.console import SubshellConsole
from tests.support.server import wait_until
from tests.view.page import Page

SETUP = """
from gradwidget.view.kernel.page_comm import PageComm
heard = []
channel = PageComm("number", lambda message: heard.append(message["kind"]))
"""

OPENS = {"comm_id": "comm", "target_name": TARGET, "data": {"widget": "number"}}
SAYS_HELLO = {"comm_id": "comm", "data": {"kind": "hello"}}


def is_idle_after(number: str, message: dict[str, Any]) -> bool:
    idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
    return bool(idle and message["parent_header"].get("msg_id") == number)


@pytest.mark.slow
def test_it_says_that_the_cell_still_runs(page: Page, console: SubshellConsole) -> None:
    cell = page.runs()
    opened = page.ask("comm_open", OPENS, console.subshell)
    page.hear(lambda message: message["msg_type"] == "status" and not message["parent_header"])
    assert page.statuses()[-3:] == [("busy", opened), ("idle", opened), ("busy", None)]
    said = page.ask("comm_msg", SAYS_HELLO, console.subshell)
    page.hear(lambda message: is_idle_after(said, message))
    assert console.evaluate("heard") == ["hello"]
    console.execute("go.set()")
    page.hear(lambda message: is_idle_after(cell, message))
    assert page.statuses().count(("busy", None)) == 2


@pytest.mark.slow
def test_it_says_nothing_more_where_no_cell_runs(page: Page, console: SubshellConsole) -> None:
    # The cell that set things up has answered, but may not be quite over.
    is_over = "not get_ipython().kernel._main_asyncio_lock.locked()"
    wait_until(lambda: console.evaluate(is_over), "the cell before to end")
    opened = page.ask("comm_open", OPENS, console.subshell)
    page.hear(lambda message: is_idle_after(opened, message))
    # What a subshell corrects comes after it has said that it is idle, and before it serves more.
    console.evaluate("None")
    said = page.ask("comm_msg", SAYS_HELLO)
    page.hear(lambda message: is_idle_after(said, message))
    later = page.client.execute("heard")
    page.hear(lambda message: is_idle_after(later, message))
    assert all(parent is not None for _, parent in page.statuses())


class Kernel:
    """One whose main shell is busy at each look as often as told, and not any more after that."""

    def __init__(self, looks: int) -> None:
        self.said: list[str] = []
        self.iopub_socket = None
        self.session = self
        self._looks = iter([True] * looks)
        self._main_asyncio_lock = SimpleNamespace(locked=lambda: next(self._looks, False))

    def send(self, _socket: None, _kind: str, content: dict[str, str]) -> None:
        self.said.append(content["execution_state"])


@pytest.mark.parametrize(("looks", "said"), [(0, []), (1, ["busy", "idle"]), (2, ["busy"])])
def test_a_cell_that_ends_meanwhile_leaves_the_kernel_idle(
    monkeypatch: pytest.MonkeyPatch, looks: int, said: list[str]
) -> None:
    kernel = Kernel(looks)
    monkeypatch.setattr(
        "gradwidget.view.kernel.running.get_ipython", lambda: SimpleNamespace(kernel=kernel)
    )
    monkeypatch.setattr("gradwidget.view.kernel.busy_status.SETTLED", 0.0)

    async def serve() -> None:
        keep_status()
        for _ in range(
            3
        ):  # what is said now, what is said once it has settled, and a turn of the loop to spare
            await asyncio.sleep(0)

    # On a thread of its own: that of the tests has a loop already once a browser was driven from
    # it.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, serve()).result()
    assert kernel.said == said


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradwidget.view.kernel.running.get_ipython", lambda: None)
    keep_status()
