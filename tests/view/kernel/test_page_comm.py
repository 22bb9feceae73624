"""What a page sends never raises in the kernel, whatever its shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from comm import get_comm_manager
from comm.base_comm import BaseComm
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwidget.view.kernel.page_comm import TARGET, PageComm

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=8,
)


class FakeComm(BaseComm):
    """A comm that a page has opened."""

    def __init__(self) -> None:
        super().__init__(target_name=TARGET, primary=False)
        self.is_open = True

    def publish_msg(self, msg_type: str, *_: Any, **__: Any) -> None:
        self.is_open = msg_type != "comm_close"

    def close(self, *_: Any, **__: Any) -> None:
        self.is_open = False


@pytest.fixture
def received() -> list[Mapping[str, object]]:
    return []


@pytest.fixture
def page_comm(received: list[Mapping[str, object]]) -> tuple[str, PageComm]:
    widget = uuid4().hex
    return widget, PageComm(widget, received.append)


def opened(message: Mapping[str, Any]) -> FakeComm:
    comm = FakeComm()
    get_comm_manager().targets[TARGET](comm, dict(message))
    return comm


def test_a_message_reaches_the_widget_that_the_page_named(
    page_comm: tuple[str, PageComm], received: list[Mapping[str, object]]
) -> None:
    comm = opened({"content": {"data": {"widget": page_comm[0]}}})
    comm.handle_msg({"content": {"data": {"kind": "pause", "request": "r"}}})
    assert comm.is_open
    assert received == [{"kind": "pause", "request": "r"}]


def test_a_page_of_a_widget_that_no_longer_exists_is_told_so_or_ignored(
    received: list[Mapping[str, object]],
) -> None:
    widget = uuid4().hex
    page_comm: PageComm | None = PageComm(widget, received.append)
    comm = opened({"content": {"data": {"widget": widget}}})
    assert page_comm is not None
    page_comm = None
    comm.handle_msg({"content": {"data": {"kind": "hello"}}})
    assert received == []
    assert not opened({"content": {"data": {"widget": widget}}}).is_open


@pytest.mark.slow
@settings(deadline=None)
@given(part=JSON, depth=st.integers(0, 2))
def test_a_malformed_opening_is_closed(part: object, depth: int) -> None:
    PageComm(uuid4().hex, lambda _: None)
    message: Any = part
    for key in ("widget", "data", "content")[: depth + 1]:
        message = {key: message}
    comm = opened(message if isinstance(message, dict) else {"content": message})
    assert not comm.is_open


@settings(deadline=None)
@given(part=JSON)
def test_a_malformed_message_is_handed_on_as_nothing(part: object) -> None:
    widget = uuid4().hex
    seen: list[Mapping[str, object]] = []
    page_comm = PageComm(widget, seen.append)
    comm = opened({"content": {"data": {"widget": widget}}})
    comm.handle_msg({"content": part})
    comm.handle_msg({"content": {"data": part}})
    assert page_comm is not None
    assert all(isinstance(message, Mapping) for message in seen)
    assert len(seen) == 2
