"""Text that cannot be seen, or cannot be encoded, is written out before a message leaves."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gradwidget import GradMonitor, GradWidget
from gradwidget.view.notebook.static_html import static_html
from gradwidget.view.protocol.sendable import sendable

OVERRIDE, ZERO_WIDTH, HALF_PAIR = chr(0x202E), chr(0x200B), chr(0xD800)
UNSEEN = (OVERRIDE, ZERO_WIDTH, HALF_PAIR, chr(0x2028), chr(0x7), chr(0x1B))
NAME = "fc" + "".join(UNSEEN) + "1"
WRITTEN = "fc\\u202e\\u200b\\ud800\\u2028\\x07\\x1b1"


def watched() -> tuple[nn.Module, GradMonitor]:
    model = nn.Sequential()
    model.add_module(NAME, nn.Linear(2, 1))
    return model, GradMonitor(model, budget=None)


def train(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.ones(2, 2)).pow(2).mean().backward()
    optimizer.step()


def text_of(html: str) -> str:
    texts: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed(html)
    return "".join(texts)


def test_report_and_static_html_write_out_what_cannot_be_seen() -> None:
    model, monitor = watched()
    with monitor:
        train(model)
    for text in (
        monitor.report(),
        text_of(static_html("Net" + OVERRIDE, monitor.history, monitor.findings)),
    ):
        assert WRITTEN in text
        assert not set(text) & set(UNSEEN)
        text.encode()


def test_every_message_of_a_widget_can_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(GradWidget, "send", lambda _self, content, _buffers: sent.append(content))
    model, monitor = watched()
    with GradWidget(monitor) as widget:
        widget.log(**{"mine" + HALF_PAIR: 1.0})
        train(model)
        widget._receive({"kind": "hello"})
        widget._receive({"kind": "inspect", "request": "r" + HALF_PAIR, "layer": WRITTEN})
        train(model)
        train(model)
    for message in sent:
        json.dumps(message, ensure_ascii=False).encode()
    snapshot = next(message for message in sent if message["kind"] == "snapshot")
    assert [layer["name"] for layer in snapshot["layers"]] == [WRITTEN]
    inspections = [message for message in sent if message["kind"] == "inspection"]
    assert inspections[0]["layer"] == WRITTEN
    assert widget.monitor.problems == []
    assert widget._view_problems == []


def test_a_class_whose_name_turns_the_text_around_is_shown_written_out() -> None:
    model = type("Net" + OVERRIDE, (nn.Linear,), {})(2, 1)
    with GradWidget(model) as widget:
        assert widget._model_class == "Net\\u202e"


def test_lines_of_code_and_tracebacks_stay_lines() -> None:
    assert sendable({"traceback": "a\n  b\tc\n"}) == {"traceback": "a\n  b c\n"}


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_encoded(text: str) -> None:
    message = sendable({"list": [text], "nested": {"text": text}, "number": 3})
    json.dumps(message, ensure_ascii=False).encode()
