"""What is asked of torch's private parts."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _python_dispatch
from torch.utils._python_dispatch import TorchDispatchMode

from gradwidget.capture import torch_private
from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.torch_private import (
    add_global_hook,
    dispatch_modes,
    function_modes,
    keywords_of_call,
    remove_global_hook,
    unseen,
    without_modes,
)


class Counter(TorchDispatchMode):
    """Counts operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_no_mode_sees_what_is_done_without_modes() -> None:
    with Counter() as outer, Counter() as inner:
        torch.ones(2) + 1
        seen = outer.count, inner.count
        without_modes(torch.ones, 2)
        assert (outer.count, inner.count) == seen
        assert dispatch_modes() == 2
    assert seen[1] > 0


class Watching:
    """Has an entry."""

    guard = Guard()

    @entry("watching")
    def watch(self) -> None:
        torch.ones(2) + 1


@unseen
def asked() -> None:
    torch.ones(2) + 1


def in_force() -> tuple[int, int, bool]:
    """The modes, and whether classes of the user's are asked."""
    return dispatch_modes(), function_modes(), torch._C._is_torch_function_enabled()


OURS = (torch_private.__file__, contextlib.__file__, _python_dispatch.__file__)


@pytest.mark.parametrize("work", [Watching().watch, asked])
def test_an_interrupt_at_any_line_leaves_every_mode_on(work: Callable[[], None]) -> None:
    interrupted = 0
    for line in range(1, 200):
        events = 0

        def interrupt(frame: FrameType, event: str, _: object, at: int = line) -> Any:
            nonlocal events
            if frame.f_code.co_filename not in OURS:
                return None
            if event == "line":
                events += 1
                if events == at:
                    raise KeyboardInterrupt
            return interrupt

        with Counter(), torch.device("cpu"), Counter():
            before = in_force()
            error: KeyboardInterrupt | None = None
            try:
                sys.settrace(interrupt)
                work()
            except KeyboardInterrupt as raised:
                error = raised  # its traceback keeps what it has left unfinished
            finally:
                sys.settrace(None)
            assert in_force() == before
            interrupted += error is not None
            error = None
            assert in_force() == before
        if events < line:
            break
    else:
        pytest.fail("more lines than were tried")
    assert interrupted > 40


class Scaled(nn.Module):
    """Is given its factor by name."""

    def forward(self, x: Tensor, *, by: float) -> Tensor:
        return x * by


def test_the_keywords_of_a_call_are_known_where_torch_gives_none_to_global_hooks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_private, "_WANT_KEYWORDS", None)
    seen: list[dict[str, Any]] = []
    handle = add_global_hook(lambda *_: seen.append(dict(keywords_of_call())))
    try:
        Scaled()(torch.ones(2), by=3.0)
    finally:
        remove_global_hook(handle)
    assert seen == [{"by": 3.0}]
    assert keywords_of_call() == {}
