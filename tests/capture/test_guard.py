"""What torch calls contains its failures, is timed once, and leaves other threads alone."""

from __future__ import annotations

import threading

import pytest

from gradwidget.capture.guard import STRIKES, Guard, entry, way_in


class Thing:
    where = "being called"

    def __init__(self) -> None:
        self.guard = Guard()
        self.calls: list[str] = []

    @entry("working")
    def work(self, *, fail: bool = False) -> None:
        self.calls.append("work")
        if fail:
            message = "on purpose"
            raise ValueError(message)

    @entry("working anywhere", any_thread=True)
    def anywhere(self) -> None:
        self.calls.append("anywhere")
        self.work()

    @way_in
    def called(self, *, fail: bool) -> int:
        self.calls.append("called")
        if fail:
            message = "on purpose"
            raise ValueError(message)
        return 7


def test_a_failure_is_kept_once_and_the_third_switches_its_place_off() -> None:
    thing = Thing()
    for _ in range(STRIKES + 2):
        thing.work(fail=True)
    assert len(thing.calls) == STRIKES
    assert [problem.where for problem in thing.guard.problems] == ["working", "working"]
    assert "ValueError: on purpose" in thing.guard.problems[0].traceback
    assert "switched off" in thing.guard.problems[1].message


def test_what_torch_calls_gives_its_result_or_none() -> None:
    thing = Thing()
    assert thing.called(fail=False) == 7
    assert thing.called(fail=True) is None
    assert thing.guard.problems[0].where == "being called"


def test_an_interrupt_passes() -> None:
    class Interrupted(Thing):
        @entry("being interrupted")
        def stop(self) -> None:
            raise KeyboardInterrupt

    thing = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        thing.stop()
    assert thing.guard.problems == []
    assert thing.guard.entered == 0.0


def test_on_another_thread_than_the_one_that_trains_an_entry_does_nothing() -> None:
    thing = Thing()
    thing.guard.thread = threading.get_ident()

    def elsewhere() -> None:
        thing.work()
        thing.anywhere()

    other = threading.Thread(target=elsewhere)
    other.start()
    other.join()
    assert thing.calls == ["anywhere"]
    assert thing.guard.spent == 0.0


def test_the_time_of_an_entry_inside_another_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1, 100))
    monkeypatch.setattr("gradwidget.capture.guard.perf_counter", lambda: float(next(ticks)))
    thing = Thing()
    thing.anywhere()
    assert thing.calls == ["anywhere", "work"]
    assert thing.guard.spent == 2.0  # the clock was asked when each began and when the outer ended
