"""What a page may ask of the loop: checked, carried out, and always answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gradwidget import Finding, GradMonitor, Remedy, Symptom
from gradwidget.frame import Inspection
from gradwidget.session import Session
from gradwidget.view.protocol.messages import Answer
from gradwidget.view.requests import Requests

CLIP = Remedy("Clip", "", "", {"kind": "clip", "max_norm": 1.0})
EDIT = Remedy("Use fewer layers", "", "model = ...")
FINDING = Finding(
    Symptom.EXPLODING_GRADIENTS, "critical", "It explodes.", (), 3, 4, 5, remedies=(EDIT, CLIP)
)


class Office:
    """A monitor with one finding, what a page may ask of it, and the answers that it gave."""

    def __init__(self, model: nn.Module, monitor: GradMonitor) -> None:
        self.model = model
        self.monitor = monitor
        self.answers: list[Answer] = []
        self.session = monitor._session
        self.requests = Requests(self.session, self.answers.append)

    def ask(self, **message: Any) -> Answer | None:
        before = len(self.answers)
        self.requests.receive({"request": "r1", **message})
        return self.answers[-1] if len(self.answers) > before else None

    def train(self, steps: int) -> None:
        """Steps of the loop that is watched."""
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        for _ in range(steps):
            self.model(torch.ones(1, 2)).sum().backward()
            optimizer.step()


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(Session, "findings", [FINDING])
    model = nn.Linear(2, 1)
    with GradMonitor(model) as monitor:
        yield Office(model, monitor)


def test_pause_step_and_resume_are_answered_at_once(office: Office) -> None:
    for kind in ("pause", "resume"):
        answer = office.ask(kind=kind)
        assert answer is not None
        assert (answer["ok"], answer["request"]) == (True, "r1")
    office.ask(kind="step", count=3)
    assert office.requests.state["mode"] == "stepping"
    assert office.requests.state["left"] == 3


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"kind": "step", "count": 0}, "at least 1"),
        ({"kind": "step", "count": int("9" * 4300)}, "at most 1,000,000,000"),
        ({"kind": "step", "count": -(10**5000)}, "at least 1"),
        ({"kind": "undo", "number": 10**5000}, "number must be a whole number of at least 1"),
        ({"kind": "step", "count": "3"}, "count must be a whole number"),
        ({"kind": "step", "count": True}, "count must be a whole number"),
        ({"kind": "step"}, "count must be a whole number"),
        ({"kind": "undo", "number": 1.5}, "number must be a whole number"),
        (
            {"kind": "apply", "symptom": "exploding_gradients", "reported_step": 9, "change": "x"},
            "no longer proposed",
        ),
        ({"kind": "apply", "symptom": ["?"], "reported_step": None}, "no longer proposed"),
        ({"kind": "pause_on", "severity": "fatal", "pause": True}, "not understood"),
        ({"kind": "pause_on", "severity": "warning", "pause": "yes"}, "not understood"),
        ({"kind": "pause_on", "severity": {"a": 10**5000}, "pause": 10**5000}, "not understood"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    office: Office, message: Mapping[str, object], reason: str
) -> None:
    answer = office.ask(**message)
    assert answer is not None
    assert not answer["ok"]
    assert reason in answer["text"]
    assert office.requests.state["mode"] == "running"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"kind": "hello"},
        {"kind": "eval", "request": "r"},
        {"kind": ["pause"], "request": "r"},
        {"kind": "pause"},
    ],
)
def test_what_is_no_request_is_passed_over(office: Office, message: dict[str, object]) -> None:
    office.requests.receive(message)
    assert office.answers == []


NOT_NUMBERS = st.none() | st.booleans() | st.text() | st.floats()
ANYTHING = st.recursive(
    NOT_NUMBERS | st.integers() | st.just(int("9" * 4300)),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=5,
)
FIELDS = ("count", "number", "layer", "severity", "pause", "symptom", "reported_step", "change")


@pytest.mark.slow
@settings(deadline=None)
@given(
    kind=st.sampled_from(["step", "apply", "undo", "pause_on", "inspect", "other"]) | ANYTHING,
    request=st.text() | ANYTHING,
    rest=st.dictionaries(st.sampled_from(FIELDS), ANYTHING),
)
def test_no_message_raises_and_each_request_is_answered_at_most_once(
    kind: object, request: object, rest: dict[str, object]
) -> None:
    model = nn.Linear(2, 1)
    with GradMonitor(model) as monitor:
        office = Office(model, monitor)
        office.requests.receive({"kind": kind, "request": request, **rest})
        assert len(office.answers) <= 1
        json.dumps([office.answers, office.requests.state])


def test_a_layer_is_found_by_its_name_as_it_was_sent() -> None:
    name = "a" + chr(0x202E) + "b" + chr(0xD800)
    model = nn.Sequential()
    model.add_module(name, nn.Linear(2, 1))
    with GradMonitor(model) as monitor:
        office = Office(model, monitor)
        answer = office.ask(kind="inspect", layer="a\\u202eb\\ud800")
        assert answer is not None
        assert answer["ok"]
        office.session.inspect_idle(name)
        assert office.session.inspection(name) is not None


def test_a_remedy_is_found_by_its_finding_and_applied_between_two_steps(office: Office) -> None:
    change = "gradient clipped at a total norm of 1"
    asked = {
        "kind": "apply",
        "symptom": "exploding_gradients",
        "reported_step": 4,
        "change": change,
    }
    assert office.ask(**asked) is None, "the answer comes when it is done"
    office.train(2)
    assert office.answers[-1]["ok"]
    assert [(made["text"], made["undone_step"]) for made in office.requests.state["changes"]] == [
        (change, None)
    ]


def test_the_switches_show_and_set_what_happens_on_a_finding(office: Office) -> None:
    office.session.respond({"critical": "raise", "warning": print}, resumable=True)
    assert [known["response"] for known in office.requests.state["responses"]] == [
        "raise",
        "function",
    ]
    office.ask(kind="pause_on", severity="critical", pause=True)
    office.ask(kind="pause_on", severity="warning", pause=False)
    assert [known["response"] for known in office.requests.state["responses"]] == ["pause", None]


def test_a_layer_is_inspected_in_the_next_step_or_as_soon_as_nothing_runs(office: Office) -> None:
    seen: list[Inspection] = []
    office.session.on_inspection.append(seen.append)
    waiting: list[Callable[[], object]] = []
    office.requests = Requests(office.session, office.answers.append, waiting.append)
    answer = office.ask(kind="inspect", layer="(root)")
    assert answer is not None
    assert (answer["ok"], answer["text"]) == (True, "Inspected in the next step.")
    assert seen == []
    waiting.pop()()
    assert seen[0].layer == "(root)"
    office.train(2)
    assert not isinstance(seen[1].activation, str)
    before = len(seen)
    answer = office.ask(kind="inspect", layer="(root)")
    assert answer is not None
    assert answer["text"] == "Nothing is newer."
    assert len(seen) == before + 1, "a page that has just opened is shown what there is"


@pytest.mark.parametrize(
    ("layer", "reason"),
    [("nowhere", "no layer 'nowhere' is watched"), (3, "layer must be a name"), (None, "a name")],
)
def test_a_layer_that_is_not_there_is_refused(office: Office, layer: object, reason: str) -> None:
    answer = office.ask(kind="inspect", layer=layer)
    assert answer is not None
    assert not answer["ok"]
    assert reason in answer["text"]


def test_what_is_closed_is_not_inspected(office: Office) -> None:
    seen: list[Inspection] = []
    office.session.on_inspection.append(seen.append)
    office.monitor.close()
    answer = office.ask(kind="inspect", layer="(root)")
    assert answer is not None
    assert (answer["ok"], answer["text"]) == (False, "Nothing is watched any more.")
    office.session.inspect_idle("(root)")
    assert seen == []


def test_while_another_thread_trains_an_idle_one_does_not_inspect(office: Office) -> None:
    seen: list[Inspection] = []
    office.session.on_inspection.append(seen.append)
    thread = threading.Thread(target=office.train, args=(1,))
    thread.start()
    thread.join()
    office.session.inspect_idle("(root)")
    assert seen == []
