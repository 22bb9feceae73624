"""The last state where there is no kernel and no widget."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from gradwidget.frame import Frame, Layer
from gradwidget.record.history import History
from gradwidget.report.shown_rows import MOST_ROWS
from gradwidget.view.notebook.static_html import static_html
from tests.support.fake_monitor import FakeMonitor, chain, frame


class Reader(HTMLParser):
    """The text of each cell, row by row, and every tag seen."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_a_row_has_the_layers_name_kind_state_figure_and_a_bar() -> None:
    layers = chain(3)
    history = History()
    history.append(frame(7, layers, decay=0.1))
    rows = Reader(static_html("Net", history, [])).rows[1:]
    assert [row[0] for row in rows] == ["body.0", "body.1", "body.2"]
    assert rows[0][1:4] == ["Linear 64×64", "● ok", "0.0001"]
    lengths = [len(row[4]) for row in rows]
    assert lengths == sorted(lengths)
    assert lengths[0] > 0


def test_names_from_a_model_are_text() -> None:
    layer = Layer("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", {"weight": (2, 2)})
    history = History()
    history.append(Frame(0, (layer,), {"grad_rms": np.array([1.0], np.float32)}))
    reader = Reader(static_html("<b onload=x>", history, []))
    table = {"details", "summary", "table", "tr", "th", "td"}
    assert reader.tags <= {"style", "div", "p", "b", "img", *table, "ul", "li"}
    assert reader.rows[1][0] == "<script>alert(1)</script>"


def test_its_widget_finds_it_and_what_lacks_is_said_first() -> None:
    html = static_html("Net", History(), [], widget='a"b', notice="Install <this>.")
    assert 'data-widget="a&quot;b"' in html
    assert html.index("Install &lt;this&gt;.") < html.index("gradwidget: Net")


def test_findings_are_told_with_their_first_remedy() -> None:
    monitor = FakeMonitor(chain(8))
    for step in range(60):
        monitor.take(frame(step, monitor.layers, decay=0.05))
    html = static_html("Net", monitor.history, monitor.findings)
    assert "Vanishing gradients" in html
    assert "▼ vanishing" in html
    assert monitor.findings[0].remedies[0].title in html


def test_the_last_measured_figure_is_shown_where_the_newest_step_was_not_sampled() -> None:
    layers = chain(2)
    history = History()
    history.append(frame(0, layers))
    history.append(Frame(1, layers, {}, {}, {"loss": 1.0}))
    assert [row[3] for row in Reader(static_html("Net", history, [])).rows[1:]] == [
        "0.01",
        "0.01",
    ]


def test_of_very_many_layers_only_so_many_are_listed() -> None:
    layers = chain(500)
    history = History()
    history.append(frame(0, layers))
    html = static_html("Net", history, [])
    assert len(Reader(html).rows) == MOST_ROWS + 1
    assert "and 470 more layers: 470 ok" in html


def test_a_figure_that_is_not_finite_does_no_harm() -> None:
    history = History()
    values = np.array([np.nan, np.inf, 0.0], np.float32)
    history.append(Frame(0, chain(3), {"grad_rms": values}))
    assert [row[3] for row in Reader(static_html("Net", history, [])).rows[1:]] == [
        "",
        "inf",
        "0",
    ]
