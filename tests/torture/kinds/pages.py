"""What a page sends, or something else that calls itself one: nothing of it reaches the loop."""

# ruff: noqa: ARG002  # every extra has the same methods, and few use all that they are given
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from comm import get_comm_manager

from tests.torture.extra import Extra, extra

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 10**4300, "9", "", [], {}, [[]], float("nan"), "undo", b"x"),
)
"""What stands where something else is expected."""
KINDS: tuple[Any, ...] = (
    *("pause_on", "step", "apply", "undo", "inspect", "hello"),
    *(None, 3, [], {"a": 1}, "x" * 10**6),
)
"""What says of which kind a message is."""
FIELDS = ("request", "count", "number", "layer", "severity", "pause", "symptom", "change")


def messages() -> Iterator[dict[Any, Any]]:
    """Messages of every shape."""
    for kind in KINDS:
        yield {"kind": kind}
        for value in VALUES:
            if (kind, value) not in (("step", 1), ("step", 10**4300)):
                yield {"kind": kind, "request": "r"} | dict.fromkeys(FIELDS[1:], value)
            yield {"kind": kind, "request": value}
    yield {}


class Paged(Extra):
    """Something arrives at each step, as if from a page."""

    watches: ClassVar[tuple[str, ...]] = ("widget",)
    without: ClassVar[tuple[str, ...]] = (
        *("pauses", "remedies", "dropped", "memory", "scale"),
        *("malformed_messages", "malformed_opens", "huge_step_counts", "names_on_the_page"),
    )
    steps: ClassVar[int] = 4

    def begin(self) -> None:
        self.answers = 0
        if self.run.watcher is not None and self.run.watcher.widget is not None:
            self.run.watcher.widget.send = self._send

    def _send(self, content: Any, _buffers: object = None) -> None:
        try:
            json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as error:
            self.complain(f"a message of kind {content.get('kind')} cannot be sent: {error}"[:300])
        self.answers += content.get("kind") == "answer"

    def arrive(self, widget: Any) -> None:
        """It arrives."""
        raise NotImplementedError

    def before(self, step: int) -> None:
        watcher = self.run.watcher
        if watcher is None or watcher.widget is None or watcher.monitor.closed:
            return
        try:
            self.arrive(watcher.widget)
        except Exception as error:  # noqa: BLE001  # whatever the kernel would have met
            self.complain(f"a message raised {error!r}"[:300])
        watcher.control.resume()

    def complain(self, complaint: str) -> None:
        """Something went wrong; told once."""
        if complaint not in self.run.complaints:
            self.run.complaints.append(complaint)

    def end(self) -> None:
        watcher = self.run.watcher
        for problem in watcher.widget._view_problems if watcher and watcher.widget else ():
            self.complain(f"{problem.where}: {problem.traceback.strip().splitlines()[-1][:200]}")


@extra
class MalformedMessages(Paged):
    """Messages with anything in the place of anything."""

    def arrive(self, widget: Any) -> None:
        for message in messages():
            widget._receive(message)


@extra
class HugeStepCounts(Paged):
    """Steps by a number that has too many digits to be printed."""

    def arrive(self, widget: Any) -> None:
        before = self.answers
        counts = (10**4000, int("9" * 4300), 1, 1)
        for count in counts:
            widget._receive({"kind": "step", "request": "r", "count": count})
        if self.answers - before != len(counts):
            self.complain(f"{len(counts)} requests have {self.answers - before} answers")
        widget._receive({"kind": "undo", "request": "r", "number": 1})  # has the state told again


class Comm:
    """A channel that a page has opened."""

    comm_id = "c"

    def close(self, *_: object, **__: object) -> None:
        """Closes it."""

    def on_msg(self, callback: Any) -> None:
        """Registers what is called with each message."""
        self.arrived = callback

    def on_close(self, _callback: Any) -> None:
        """Registers what is called at its end."""

    def send(self, *_: object, **__: object) -> None:
        """Sends something."""


OPENS: tuple[Any, ...] = (
    {},
    {"content": {}},
    {"content": None},
    {"content": {"data": None}},
    {"content": {"data": []}},
    {"content": {"data": {"widget": []}}},
    {"content": {"data": {"widget": None}}},
    {"content": {"data": {"widget": {"a": 1}}}},
    {"content": {"data": "text"}},
)
"""What a channel may be opened with."""


@extra
class MalformedOpens(Paged):
    """Channels that are opened with anything, and send anything."""

    def arrive(self, widget: Any) -> None:
        opened: Any = get_comm_manager().targets["gradwidget"]
        for message in OPENS:
            opened(Comm(), message)
        comm = Comm()
        opened(comm, {"content": {"data": {"widget": widget._comm_id}}})
        for message in OPENS:
            comm.arrived(message)
