"""A page as the kernel sees it: what it sends, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from gradwidget.view.kernel.restore import CONTROL

PATIENCE = 60

GO = "import threading; go = threading.Event()"
RUNS = "finished = go.wait()"


class Page:
    """Sends what a page sends, and waits for what comes back."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self._shell: list[dict[str, Any]] = []
        self._iopub: list[dict[str, Any]] = []

    def ask(self, kind: str, content: dict[str, Any], subshell: str | None = None) -> str:
        """Sends a message to the main shell, or to a subshell; gives its number."""
        message = self.client.session.msg(kind, content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def answer(self, number: str) -> dict[str, Any]:
        """The reply to a message."""
        while not (found := [m for m in self._shell if m["parent_header"].get("msg_id") == number]):
            self._shell.append(self.client.shell_channel.get_msg(timeout=PATIENCE))
        return found[0]

    def heard(self, kind: str, **content: object) -> dict[str, Any]:
        """A message to all pages, waited for, with this in its content."""
        return self.hear(
            lambda message: (
                message["msg_type"] == kind and content.items() <= message["content"].items()
            )
        )

    def hear(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message to all pages of which this is true, waited for."""
        while not (found := [message for message in self._iopub if is_it(message)]):
            self._iopub.append(self.client.iopub_channel.get_msg(timeout=PATIENCE))
        return found[0]

    def statuses(self) -> list[tuple[str, str | None]]:
        """What the kernel has said of itself so far, and after which message."""
        said = [message for message in self._iopub if message["msg_type"] == "status"]
        return [
            (each["content"]["execution_state"], each["parent_header"].get("msg_id"))
            for each in said
        ]

    def order(self) -> list[str]:
        """Kinds of the replies so far, as they came."""
        return [message["msg_type"] for message in self._shell]

    def runs(self) -> str:
        """Starts a cell that runs until ``go`` is set; gives the number of its message."""
        number: str = self.client.execute(RUNS)
        self.heard("execute_input", code=RUNS)
        return number

    def request_states(self) -> str:
        """Asks for the state of all widgets; gives the comm over which it comes."""
        comm = uuid4().hex
        opening = self.client.session.msg(
            "comm_open", {"comm_id": comm, "target_name": CONTROL, "data": {}}
        )
        opening["metadata"] = {"version": "1.0.0"}
        self.client.shell_channel.send(opening)
        self.ask("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})
        return comm


@contextmanager
def kernel_with_a_page(setup: str) -> Iterator[Page]:
    """A kernel that has run ``setup``; it ends at the end."""
    manager, client = start_new_kernel(kernel_name="python3")
    client.execute_interactive(f"{GO}\n{setup}", timeout=PATIENCE)
    yield Page(client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()
    manager.context.destroy()
