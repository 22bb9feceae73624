"""Lets a page that opens while a cell runs find its widgets at once.

A page that opens asks the kernel what it is, and then for the state of all widgets. It asks the
main shell, which does not answer before the running cell has ended; until then there is no picture,
and none of its buttons. From version 7 on, ipykernel receives messages on a thread of their own
before it hands them on. There, as long as the main shell is busy, these few questions are answered
on its behalf: answering them changes nothing in the kernel. Every other message goes its ordinary
way, and so does a question that could not be answered.
"""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ipywidgets import Widget

from gradwidget.view.kernel.running import main_shell_is_busy, running_kernel

CONTROL = "jupyter.widget.control"
"""Target of the comm over which a page asks for the state of all widgets."""

ABOUT_THE_KERNEL = ("kernel_info_request", "comm_info_request")

TRIES = 5
"""How often the states are read, should a widget be made or closed meanwhile."""

Frames = list[Any]
Contain = Callable[[str, Exception], None]


class Restorer:
    """Receives the messages to one kernel before it does, as long as anybody wants it to.

    Args:
        kernel: that of ipykernel, version 7 or later.

    Raises:
        AttributeError: it is another one.
    """

    def __init__(self, kernel: Any) -> None:  # noqa: ANN401 - whatever runs the notebook
        self._loop = kernel.shell_channel_thread.io_loop
        self._stream = kernel.shell_stream
        self._ordinary = kernel.shell_channel_thread_main
        self._is_busy = main_shell_is_busy(kernel)
        self._handlers = kernel.shell_handlers
        self._session = kernel.session
        self._iopub = kernel.iopub_socket
        self._wanted_by: list[Contain] = []
        self._opened: dict[str, Frames] = {}  # what opened each comm for states that is served here

    def join(self, contain: Contain) -> None:
        """Wants pages to be answered from now on.

        Args:
            contain: told of each question that could not be answered.
        """
        self._wanted_by.append(contain)
        self._receive(self._arrived)

    def leave(self, contain: Contain) -> None:
        """Takes back ``join``; doing so twice does nothing."""
        if contain in self._wanted_by:
            self._wanted_by.remove(contain)
        if not self._wanted_by:
            self._receive(self._ordinary)

    def _receive(self, callback: Callable[[Frames], Any]) -> None:
        # A stream is not for several threads: it is told on its own.
        self._loop.add_callback(self._stream.on_recv, callback, copy=False)

    async def _arrived(self, frames: Frames) -> None:
        try:
            answered = await self._answer(frames)
        except Exception as error:  # noqa: BLE001 - no message may be lost, whatever fails here
            self._contain(error)
            answered = False
        if not answered:
            await self._ordinary(frames)

    async def _answer(self, frames: Frames) -> bool:
        identities, message = self._read(frames)
        kind = message["header"]["msg_type"]
        if kind in {"comm_msg", "comm_close"} and message["content"]["comm_id"] in self._opened:
            self._go_on(kind, message, frames)
            return True
        if message["header"].get("subshell_id") is not None or not self._is_busy():
            return False
        if kind in ABOUT_THE_KERNEL:
            await self._handlers[kind](self._stream, identities, message)
            # A page takes the answer for complete only then. About the kernel itself this says
            # nothing: that is not taken from what follows questions of this kind.
            self._session.send(self._iopub, "status", {"execution_state": "idle"}, parent=message)
            return True
        if kind == "comm_open" and message["content"]["target_name"] == CONTROL:
            self._opened[message["content"]["comm_id"]] = frames
            return True
        return False

    def _go_on(self, kind: str, message: Mapping[str, Any], frames: Frames) -> None:
        comm = message["content"]["comm_id"]
        if kind == "comm_close":
            del self._opened[comm]
        else:
            # On a thread of its own, since the states are whatever other libraries make of them:
            # should one of them wait for the main shell, then messages to the kernel must not.
            threading.Thread(
                target=self._send_states,
                args=(comm, message, frames),
                name="gradwidget-restore",
                daemon=True,
            ).start()

    def _send_states(self, comm: str, message: Mapping[str, Any], frames: Frames) -> None:
        try:
            data, buffers = widget_states()
            self._session.send(
                self._iopub,
                "comm_msg",
                {"comm_id": comm, "data": data},
                parent=message,
                ident=f"comm-{comm}".encode(),
                buffers=buffers,
            )
        except Exception as error:  # noqa: BLE001 - as above
            self._contain(error)
            self._loop.add_callback(self._hand_over, comm, frames)

    async def _hand_over(self, comm: str, frames: Frames) -> None:
        opening = self._opened.pop(comm, None)
        if opening is not None:
            await self._ordinary(opening)
        await self._ordinary(frames)

    def _read(self, frames: Frames) -> tuple[list[bytes], dict[str, Any]]:
        identities, rest = self._session.feed_identities(frames, copy=False)
        # Without the content, as ipykernel itself looks at it here: a message that was read in full
        # is refused later.
        message = self._session.deserialize(rest, content=False, copy=False)
        return identities, {**message, "content": self._session.unpack(message["content"])}

    def _contain(self, error: Exception) -> None:
        for contain in tuple(self._wanted_by):
            contain("answering a page that opened while a cell runs", error)


def restorer() -> Restorer | None:
    """That of the kernel this runs in; None where nothing can answer for its main shell."""
    kernel = running_kernel()
    return None if kernel is None else _restorer_of(kernel)


@cache
def _restorer_of(kernel: object) -> Restorer | None:
    try:
        return Restorer(kernel)
    except AttributeError:
        return None


def widget_states() -> tuple[dict[str, Any], list[bytes]]:
    """What ``ipywidgets`` answers to ``request_states``, and its binary buffers; for any thread."""
    states = _read_states()
    paths: list[list[str | int]] = []
    buffers: list[bytes] = []
    for identifier, state in states.items():
        for buffer in state.pop("buffers", ()):
            paths.append([identifier, "state", *buffer["path"]])
            buffers.append(b64decode(buffer["data"]))
    return {"method": "update_states", "states": states, "buffer_paths": paths}, buffers


def _read_states(tries: int = TRIES) -> dict[str, Any]:
    try:
        states: dict[str, Any] = Widget.get_manager_state()["state"]
    except (RuntimeError, ReferenceError):  # a widget was made or closed in the middle of it
        if tries == 1:
            raise
        return _read_states(tries - 1)
    return states
