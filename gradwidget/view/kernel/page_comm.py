"""Messages from the page that arrive even while a cell runs.

An ordinary widget message waits until the running cell ends. A comm that the page opens is served
on a subshell of the kernel, hence at once; where the kernel has no subshells the page falls back to
ordinary messages. Malformed messages are ignored: nothing that a page sends raises in the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from comm import get_comm_manager
from comm.base_comm import BaseComm

from gradwidget.view.kernel.busy_status import keep_status

TARGET = "gradwidget"
"""Name under which a page opens the comm; its twin is in js/src/protocol/comm.ts."""


class PageComm:
    """Receives what the page sends for one widget, on the kernel's subshell thread.

    Args:
        widget: identifier that the page names when it opens the comm.
        receive: called with the content of each message.
    """

    def __init__(self, widget: str, receive: Callable[[Mapping[str, object]], None]) -> None:
        self.receive = receive
        _page_comms[widget] = self
        get_comm_manager().register_target(TARGET, _open)


_page_comms: WeakValueDictionary[str, PageComm] = WeakValueDictionary()


def _open(comm: BaseComm, message: Mapping[str, Any]) -> None:
    keep_status()
    opening = _data(message)
    widget = opening.get("widget")
    if not isinstance(widget, str) or widget not in _page_comms:
        comm.close()
        return

    def arrived(message: Mapping[str, Any]) -> None:
        keep_status()
        # Looked up each time: a page that stays open must not keep the widget.
        page_comm = _page_comms.get(widget)
        if page_comm is not None:
            page_comm.receive(_data(message))

    comm.on_msg(arrived)


def _data(message: Mapping[str, Any]) -> Mapping[str, object]:
    """What a page sent; nothing where that is malformed."""
    content = message.get("content")
    data = content.get("data") if isinstance(content, Mapping) else None
    return data if isinstance(data, Mapping) else {}
