"""A monitor plus its picture: what it sends, and what it leaves behind."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
import torch
from anywidget import AnyWidget
from torch import nn

from gradwidget import GradMonitor, GradWidget
from gradwidget.capture.collect.frame_builder import FrameBuilder

LONG = 10.0


class Sent:
    """What a widget has sent to its page."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.of_control: list[dict[str, Any]] = []
        self.arrived = threading.Condition()

    def __call__(self, content: dict[str, Any]) -> None:
        with self.arrived:
            (self.messages if content["kind"] in ("snapshot", "delta") else self.of_control).append(
                content
            )
            self.arrived.notify_all()

    def wait_for_step(self, step: int) -> bool:
        def there() -> bool:
            return any(message["status"]["step"] == step for message in self.messages)

        with self.arrived:
            return self.arrived.wait_for(there, LONG)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    recorded = Sent()
    monkeypatch.setattr(GradWidget, "send", lambda _self, content, _buffers: recorded(content))
    return recorded


def thread_of(widget: GradWidget) -> threading.Thread:
    assert widget._ticker is not None
    return widget._ticker._thread


def model_of() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def train(model: nn.Module, steps: int = 5) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(16, 4)).pow(2).mean().backward()
        optimizer.step()


def test_training_reaches_the_page_with_no_change_to_the_loop(sent: Sent) -> None:
    model = model_of()
    with GradWidget(model, budget=None):
        train(model)
        assert sent.wait_for_step(4)


def test_the_last_step_of_a_run_is_always_shown(sent: Sent) -> None:
    model = model_of()
    widget = GradWidget(model, budget=None)
    train(model, 40)
    widget.close()
    assert sent.messages[-1]["status"]["step"] == 39
    assert sent.messages[-1]["status"]["closed"]


def test_pages_that_open_are_looked_after_from_the_first_moment_until_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Restorer:
        def __init__(self) -> None:
            self.wanted_by: list[object] = []
            self.join = self.wanted_by.append
            self.leave = self.wanted_by.remove

    restorer = Restorer()
    monkeypatch.setattr("gradwidget.widget.restorer", lambda: restorer)
    with GradWidget(model_of()) as widget:
        assert restorer.wanted_by == [widget._contain]
    assert restorer.wanted_by == []


def test_a_page_that_says_hello_is_sent_everything(sent: Sent) -> None:
    with GradWidget(model_of()) as widget:
        widget._receive({"kind": "hello"})
        assert sent.messages[-1]["kind"] == "snapshot"
        assert [layer["name"] for layer in sent.messages[-1]["layers"]] == ["0", "2"]


def test_a_message_that_nobody_knows_is_passed_over(sent: Sent) -> None:
    with GradWidget(model_of()) as widget:
        before = len(sent.messages)
        widget._receive({"kind": "nonsense"})
        widget._receive({})
        assert len(sent.messages) == before


def test_a_layer_that_a_page_has_open_is_inspected_and_shown(sent: Sent) -> None:
    model = model_of()
    widget = GradWidget(model)
    widget._receive({"kind": "inspect", "request": "r1", "layer": "2"})
    train(model)
    shown = [message for message in sent.of_control if message["kind"] == "inspection"]
    assert shown[0]["layer"] == "2"
    assert shown[0]["gradient"]["total"] == 9
    assert shown[0]["gradient"]["step"] == shown[0]["activation"]["step"] == 1
    widget.close()
    assert widget._session.on_inspection == []


def test_a_failure_in_drawing_is_contained_and_shown(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of()
    with GradWidget(model, budget=None) as widget:
        works = widget._updates.update
        failing = threading.Event()

        def fail() -> Any:
            failing.set()
            message = "no more ink"
            raise RuntimeError(message)

        monkeypatch.setattr(widget._updates, "update", fail)
        train(model, 2)
        assert failing.wait(LONG)
        monkeypatch.setattr(widget._updates, "update", works)
        train(model, 2)
        assert sent.wait_for_step(3)
        widget._receive({"kind": "hello"})
        problems = sent.messages[-1]["problems"]
    assert len(problems) == 1
    assert "no more ink" in problems[0]["message"]
    assert "RuntimeError" in problems[0]["traceback"]


def test_a_page_is_told_that_measuring_is_off_though_no_frame_ever_comes(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameBuilder, "frame", lambda _: 1 / 0)
    model = model_of()
    with GradWidget(model, budget=None) as widget:
        widget._receive({"kind": "hello"})
        assert sent.messages[-1]["status"]["verdict"] == "Waiting for the first step"
        train(model, 4)

        def told() -> bool:
            verdict: str = sent.messages[-1]["status"]["verdict"]
            return verdict.startswith("Measuring is switched off")

        with sent.arrived:
            assert sent.arrived.wait_for(told, LONG)
        assert sent.messages[-1]["status"]["state"] == "not measured"
        assert "making a frame kept failing (ZeroDivisionError" in str(widget)
        assert "Measuring is switched off" in widget._static_content()["text/html"]


def test_a_page_is_told_that_nothing_can_be_recorded(sent: Sent, tmp_path: Path) -> None:
    model = model_of()
    with GradWidget(model, budget=None, run_file=tmp_path / "missing" / "run.gw") as widget:
        train(model, 2)
        widget._receive({"kind": "hello"})
        (problem,) = sent.messages[-1]["problems"]
        assert problem["message"].startswith("Nothing is recorded: ")
        assert problem["message"].endswith("run.gw: No such file or directory")
        assert "Nothing is recorded" in widget._static_content()["text/html"]


def test_a_page_is_told_what_the_first_step_waits_for(sent: Sent) -> None:
    model = model_of()
    with GradWidget(model, budget=None) as widget:
        widget._receive({"kind": "hello"})
        model(torch.ones(1, 4)).sum().backward()

        def told() -> bool:
            return "1 backward pass seen, no optimizer" in sent.messages[-1]["status"]["verdict"]

        with sent.arrived:
            assert sent.arrived.wait_for(told, LONG)
        assert "1 backward pass seen" in widget._static_content()["text/html"]


@pytest.mark.parametrize("message", [None, 3, "pause", [], [{"kind": "pause"}], {"kind": {}}])
def test_a_message_of_another_shape_is_ignored(sent: Sent, message: object) -> None:
    with GradWidget(model_of()) as widget:
        before = len(sent.messages), len(sent.of_control)
        widget._receive(message)
        assert (len(sent.messages), len(sent.of_control)) == before
        assert widget._view_problems == []


def test_a_widget_whose_model_no_longer_exists_closes_by_itself(sent: Sent) -> None:
    model = model_of()
    widget = GradWidget(model)
    train(model, 2)
    del model
    gc.collect()
    thread_of(widget).join(LONG)
    assert widget.monitor.closed
    assert sent.messages[-1]["status"]["closed"]
    assert sent.of_control[-1]["mode"] == "closed"
    assert widget._session.on_frame == widget._session.on_control == []
    assert "Looking … 2 of 9 steps" in widget.report()


def test_a_monitor_can_be_shown_too(sent: Sent) -> None:
    model = model_of()
    monitor = GradMonitor(model, budget=None)
    with GradWidget(monitor) as widget:
        assert widget.monitor is monitor
        assert widget._model_class == "Sequential"
        train(model, 3)
        assert sent.wait_for_step(2)
    assert monitor.closed


def test_it_shares_history_findings_report_and_log_with_its_monitor() -> None:
    model = model_of()
    with GradWidget(model, budget=None) as widget:
        train(model, 2)
        widget.log(val_loss=0.5)
        train(model, 1)
        assert widget.history is widget.monitor.history
        assert widget.findings == widget.monitor.findings
        assert widget.report() == widget.monitor.report()
        assert widget.history.scalars["val_loss"].tolist()[-1] == 0.5


def test_it_does_not_keep_the_model_alive() -> None:
    model = model_of()
    widget = GradWidget(model)
    train(model, 2)
    gone = ref(model)
    del model
    gc.collect()
    assert gone() is None
    thread_of(widget).join(LONG)
    assert not thread_of(widget).is_alive()


def test_closing_twice_does_nothing_and_leaves_no_thread() -> None:
    widget = GradWidget(model_of())
    widget.close()
    widget.close()
    assert not thread_of(widget).is_alive()


def test_a_second_widget_on_one_model_replaces_the_first() -> None:
    model = model_of()
    first, second = GradWidget(model), GradWidget(model)
    assert first.monitor.closed
    assert not second.monitor.closed
    second.close()


def test_a_widget_adds_what_a_user_needs_and_no_more() -> None:
    with GradWidget(model_of()) as widget:
        added = set(dir(widget)) - set(dir(AnyWidget()))
    assert sorted(name for name in added if not name.startswith("_")) == [
        "apply",
        "batch",
        "changes",
        "findings",
        "history",
        "monitor",
        "pause",
        "ranks",
        "report",
        "resume",
        "scalars",
        "send_to",
        "step",
        "step_begins",
        "step_ended",
        "to_html",
        "to_png",
        "to_svg",
        "undo",
    ]


def test_what_is_no_model_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="list"):
        GradWidget([1, 2])  # type: ignore[arg-type]  # what is being tested
