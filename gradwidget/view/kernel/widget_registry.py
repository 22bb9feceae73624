"""Releases a closed widget, which stays on its page.

ipywidgets and the kernel hold every widget until its comm is closed, and closing that would take it
off the page. A widget that is over is therefore held weakly: as long as somebody else holds it a
page that is reloaded finds it; after that a page that still shows it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakMethod, finalize, proxy

from comm import get_comm_manager
from comm.base_comm import BaseComm
from ipywidgets import Widget
from ipywidgets.widgets import widget as library

_registry: dict[str, Any] = library._instances  # noqa: SLF001 - nothing public releases a widget
"""Every widget by its id: what a page asks for that opens."""


def hold_weakly(widget: Widget, private: Widget) -> None:
    """Has the libraries hold a widget only as long as somebody else does.

    Args:
        widget: it receives messages, and is found by pages, as long as it lives.
        private: another one that only this one uses. It goes with it, and all that it is made of.
    """
    if widget.comm is None:
        return
    _registry[widget.model_id] = proxy(widget)
    receive = WeakMethod(widget._handle_msg)  # noqa: SLF001 - what ipywidgets itself gives the comm

    def received(message: Mapping[str, Any]) -> None:
        alive = receive()
        if alive is not None:
            alive(message)

    widget.comm.on_msg(received)
    parts = [widget.layout, *_parts(private)]
    finalize(widget, _forget, widget.comm, parts).atexit = False


def _parts(widget: Widget) -> Iterator[Widget]:
    """A widget, and those that it is made of."""
    yield widget
    for value in widget.trait_values().values():
        held = value.values() if isinstance(value, dict) else value
        for one in held if isinstance(value, dict | list | tuple) else [held]:
            if isinstance(one, Widget):
                yield from _parts(one)


def _forget(comm: BaseComm, parts: list[Widget]) -> None:
    _leave(comm)
    for part in parts:
        if part.comm is not None:
            _leave(part.comm)
            part.comm = None  # without it a widget that ceases to exist leaves the page alone


def _leave(comm: BaseComm) -> None:
    """Has nobody in this process know of a comm any more, of which its page is not told."""
    _registry.pop(comm.comm_id, None)
    comm.on_msg(None)
    manager = get_comm_manager()
    if comm.comm_id in manager.comms:
        manager.unregister_comm(comm)
