"""A breakpoint in the user's own frame, set from deep inside a call: on its next line."""

from __future__ import annotations

import pdb  # noqa: T100 - opening the debugger is what this file is for
import sys
import sysconfig
from pathlib import Path
from types import FrameType

OURS = ("gradwidget", "torch")
INSTALLED = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")}
)


def break_after_this_line() -> bool:
    """Opens the debugger when the user's frame that is calling goes on to its next line.

    The user's frame is the innermost one that is neither gradwidget's nor torch's nor of an
    installed library. A frame that returns without another line hands the breakpoint on to its
    caller.

    Returns:
        False where there is no such frame.
    """
    frame = _users_frame(sys._getframe())  # noqa: SLF001 - the documented way to one's own frame
    if frame is None:
        return False
    _stop_at_next_line(frame)
    return True


def _stop_at_next_line(frame: FrameType) -> None:
    def local(frame: FrameType, event: str, arg: object) -> object:
        if event == "return":
            caller = _users_frame(frame.f_back)
            if caller is not None:
                _stop_at_next_line(caller)
            return None
        if event != "line":
            return local
        debugger = _debugger()
        # From within the line's own event: asked for any earlier, the debugger stops at the next
        # line anywhere, which is one of torch's.
        debugger.set_trace(frame)
        return debugger.trace_dispatch(frame, event, arg)

    frame.f_trace = local
    if sys.gettrace() is None:
        # A frame's own tracer is called only while the thread has one; this one passes every new
        # frame over.
        sys.settrace(lambda _frame, _event, _arg: None)


def _users_frame(frame: FrameType | None) -> FrameType | None:
    while frame is not None and _is_library(frame):
        frame = frame.f_back
    return frame


def _is_library(frame: FrameType) -> bool:
    if str(frame.f_globals.get("__name__", "")).partition(".")[0] in OURS:
        return True
    return frame.f_code.co_filename.startswith((*INSTALLED, "<frozen"))


def _debugger() -> pdb.Pdb:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    debugger: pdb.Pdb = pdb.Pdb() if shell is None else shell.debugger_cls()
    return debugger
