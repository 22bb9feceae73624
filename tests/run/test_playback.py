"""A recorded run in the picture: shown, followed, and never changed."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gradwidget import GradMonitor, GradWidget, RunFileError, open_run
from gradwidget.control.control import Change
from gradwidget.run.news import News
from gradwidget.run.playback import RECORDED
from tests.support.frames import chain, frame, healthy
from tests.support.recording.recorded import Recorded, assert_same_history, steps

LONG = 20.0


class Sent:
    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.arrived = threading.Condition()

    def __call__(self, content: dict[str, Any]) -> None:
        with self.arrived:
            self.messages.append(content)
            self.arrived.notify_all()

    def wait_for(self, kind: str, **values: object) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [
                message
                for message in self.messages
                if re.fullmatch(kind, message["kind"])
                and all((message | message.get("status", {}))[k] == v for k, v in values.items())
            ]

        with self.arrived:
            assert self.arrived.wait_for(found, LONG), self.messages
            return found()[-1]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    recorded = Sent()
    monkeypatch.setattr(GradWidget, "send", lambda _self, content, _buffers: recorded(content))
    return recorded


def test_a_finished_run_is_shown_as_it_was(tmp_path: Path, sent: Sent) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*[one for _ in range(8) for one in (nn.Linear(8, 8), nn.Sigmoid())])
    with GradMonitor(model, budget=None, run_file=tmp_path / "run.gw") as monitor:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(40):
            optimizer.zero_grad()
            model(torch.randn(16, 8)).square().mean().backward()
            optimizer.step()
    widget = GradWidget(tmp_path / "run.gw")
    assert_same_history(widget.history, monitor.history)
    assert widget.findings == monitor.findings
    assert widget.report() == monitor.report()
    widget._receive({"kind": "hello"})
    shown = sent.wait_for("snapshot", step=39, closed=True)
    assert shown["status"]["verdict"] == monitor.report().splitlines()[0]
    assert widget._model_class == "Sequential"
    widget.close()


def test_what_would_reach_the_loop_is_refused_with_the_reason(tmp_path: Path, sent: Sent) -> None:
    live = Recorded(tmp_path / "run.gw")
    live.news = News((Change(1, 3, "clipped"),))
    live.take(steps(20)).close()
    widget = GradWidget(open_run(tmp_path / "run.gw"))
    for attempt in (widget.pause, widget.step, widget.undo, lambda: widget.log(loss=1.0)):
        with pytest.raises(ValueError, match=RECORDED):
            attempt()
    with pytest.raises(ValueError, match=RECORDED):
        _ = widget.monitor
    with pytest.raises(ValueError, match=RECORDED):
        GradWidget(tmp_path / "run.gw", on_finding="pause")
    assert widget.batch is None
    assert [change.text for change in widget.changes] == ["clipped"]
    widget._receive({"kind": "hello"})
    state = sent.wait_for("control")
    assert (state["mode"], state["reason"]) == ("closed", RECORDED)
    for number, kind in enumerate(("pause", "step", "undo", "inspect", "pause_on")):
        details = {"count": 1, "number": 1, "layer": "fc0", "severity": "critical", "pause": True}
        widget._receive({"kind": kind, "request": str(number), **details})
        assert sent.wait_for("answer", request=str(number))["text"] == RECORDED
    widget.close()


def test_a_run_that_is_still_written_is_followed(
    tmp_path: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradwidget.run.recorder.FLUSH_SECONDS", 0.01)
    monkeypatch.setattr("gradwidget.view.ticker.IDLE", 0.05)
    live = Recorded(tmp_path / "run.gw").take(steps(10))
    widget = GradWidget(tmp_path / "run.gw")
    widget._receive({"kind": "hello"})
    live.take(steps(10, start=10))
    assert not sent.wait_for("snapshot|delta", step=19)["status"]["closed"]
    live.news = News((Change(1, 19, "clipped"),))
    live.close()
    sent.wait_for("snapshot|delta", closed=True)
    assert widget._ticker is not None
    widget._ticker._thread.join(LONG)
    assert not widget._ticker._thread.is_alive()
    assert widget.changes == (Change(1, 19, "clipped"),)
    assert_same_history(widget.history, live.history)


def test_a_run_resumed_meanwhile_is_shown_again(
    tmp_path: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradwidget.run.recorder.FLUSH_SECONDS", 0.01)
    monkeypatch.setattr("gradwidget.view.ticker.IDLE", 0.05)
    crashed = Recorded(tmp_path / "run.gw").take(steps(30))
    widget = GradWidget(tmp_path / "run.gw")
    widget._receive({"kind": "hello"})
    Recorded(tmp_path / "run.gw", start_step=20).take(steps(5, start=20)).close()
    # Of a part that has just begun the frames may come later than its snapshot.
    sent.wait_for("snapshot|delta", step=24)
    crashed.close()
    widget.close()


def test_a_file_that_goes_away_ends_the_following_and_is_told(
    tmp_path: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradwidget.view.ticker.IDLE", 0.05)
    live = Recorded(tmp_path / "run.gw").take(steps(10))
    widget = GradWidget(tmp_path / "run.gw")
    (tmp_path / "run.gw").unlink()
    assert widget._ticker is not None
    widget._ticker._thread.join(LONG)
    assert not widget._ticker._thread.is_alive()
    assert "cannot be followed any more" in widget._session.problems[-1].message
    assert sent.messages
    live.close()


def test_a_file_that_is_no_run_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "run.gw").write_bytes(b"nothing")
    with pytest.raises(RunFileError, match="is no run file"):
        GradWidget(tmp_path / "run.gw")


def test_names_from_a_file_reach_the_page_as_visible_text(tmp_path: Path, sent: Sent) -> None:
    odd = "\x1b[2J\ud800"
    first = chain(1)[0].__class__(odd, "Linear", {"weight": (2, 2)})
    one = frame(0, (first,), healthy(1, scalars={odd: np.pi}))
    Recorded(tmp_path / "run.gw", model=odd).take([one]).close()
    widget = GradWidget(tmp_path / "run.gw")
    widget._receive({"kind": "hello"})
    said = str(sent.wait_for("snapshot")) + widget._model_class + repr(widget)
    assert "\x1b" not in said
    said.encode()
    widget.close()
