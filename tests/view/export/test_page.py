"""A run as one page: small, strict, and with nothing in it that a name could break out of."""

from __future__ import annotations

import json
import re
import struct
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gradwidget.control.control import Change
from gradwidget.view.export import page
from gradwidget.view.export.page import html_page
from gradwidget.wording import visible
from tests.support.fake_monitor import FakeMonitor, chain, frame
from tests.support.runs.exported import HOSTILE, hostile_run, long_run


class Tags(HTMLParser):
    """The elements of a page as a parser of its own sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._last = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._last = dict(attrs).get("type") or tag

    def handle_data(self, data: str) -> None:
        self.texts[self._last] = self.texts.get(self._last, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._last = f"behind {tag}"


def messages_of(text: str) -> list[dict[str, Any]]:
    run = zlib.decompress(b64decode(Tags(text).texts["text/plain"].strip()))
    (length,) = struct.unpack("<I", run[:4])
    messages: list[dict[str, Any]] = json.loads(run[4 : 4 + length])
    return messages


def few_steps() -> FakeMonitor:
    monitor = FakeMonitor(chain(4))
    for step in range(20):
        monitor.take(frame(step, monitor.layers))
    return monitor


@pytest.fixture(scope="module")
def large() -> str:
    return html_page(long_run(), "Net")


@pytest.mark.slow
def test_a_hundred_layers_over_ten_thousand_steps_take_less_than_a_megabyte(large: str) -> None:
    assert len(large.encode()) < 1_000_000
    (sampled,) = [b for b in messages_of(large)[0]["blocks"] if b["part"] == "sampled"]
    assert sampled["shape"][0] > 200, "there is time to travel through, however noisy the run"


def test_a_page_has_what_a_page_is_told_on_opening_and_what_was_changed() -> None:
    change = Change(1, 7, "lr = 0.01", undone_step=12)
    snapshot, control = messages_of(html_page(few_steps(), "Net", [change]))
    assert (snapshot["kind"], snapshot["model"], snapshot["status"]["step"]) == (
        "snapshot",
        "Net",
        19,
    )
    assert [layer["name"] for layer in snapshot["layers"]] == [f"body.{i}" for i in range(4)]
    assert control["mode"] == "closed"
    assert control["changes"] == [{"number": 1, "step": 7, "text": "lr = 0.01", "undone_step": 12}]


def test_only_the_script_and_the_styles_of_the_page_itself_are_allowed() -> None:
    found = Tags(html_page(few_steps(), "Net"))
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in found.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    for name, text in (("script-src", "module"), ("style-src", "style")):
        digest = b64encode(sha256(found.texts[text].encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    # The policy stands before all that it is for, and nothing is loaded from anywhere.
    names = [tag for tag, _ in found.tags]
    assert names.index("meta") < names.index("style") < names.index("script")
    assert not [one for _, one in found.tags if "src" in one]
    assert [one["href"] for _, one in found.tags if "href" in one] == ["data:,"]


def test_hostile_names_are_no_markup_whatever_they_say() -> None:
    model = "</title></script><img src=x onerror=alert(1)>"
    text = html_page(hostile_run(), model)
    found = Tags(text)
    harmless = Tags(html_page(few_steps(), "Net"))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in harmless.tags]
    assert found.texts["title"].strip() == f"gradwidget: {model}"
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", found.texts["text/plain"].strip())
    snapshot, _ = messages_of(text)
    assert [layer["name"] for layer in snapshot["layers"]] == [visible(name) for name in HOSTILE]


def test_before_the_first_step_there_is_a_page_too() -> None:
    snapshot, _ = messages_of(html_page(FakeMonitor(chain(3)), "Net"))
    assert snapshot["status"]["step"] is None
    assert len(snapshot["layers"]) == 3


def test_where_the_layers_are_many_columns_are_joined_until_the_run_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page, "LEAST_BYTES", 40_000)
    monkeypatch.setattr(page, "LAYER_BYTES", 0)
    monitor = long_run(layers=10, steps=700)
    text = html_page(monitor, "Net")
    assert len(b64decode(Tags(text).texts["text/plain"].strip())) < 40_000
    snapshot, _ = messages_of(text)
    shapes = {block["part"]: block["shape"][0] for block in snapshot["blocks"]}
    assert 48 <= shapes["sampled"] < 700
    assert shapes["steps"] == 700, "the loss of every step stays"


def test_without_the_front_end_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page, "STATIC", tmp_path)
    with pytest.raises(FileNotFoundError, match="needs gradwidget's front end"):
        html_page(few_steps(), "Net")
