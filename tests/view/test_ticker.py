"""Training says that something is new; the picture follows at its own pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gradwidget.view.ticker import FASTEST, Ticker

LONG = 10.0


class Ticks:
    """Counts ticks and lets a test wait for one."""

    def __init__(self) -> None:
        self.count = 0
        self.seen = threading.Condition()

    def __call__(self) -> None:
        with self.seen:
            self.count += 1
            self.seen.notify_all()

    def wait_for(self, enough: Callable[[int], bool]) -> bool:
        with self.seen:
            return self.seen.wait_for(lambda: enough(self.count), LONG)


def ticker_of(
    tick: Callable[[], None], *, charged: list[float] | None = None, share: float | None = None
) -> Ticker:
    return Ticker(
        tick,
        alive=lambda: True,
        charge=(charged if charged is not None else []).append,
        share=share,
    )


def test_a_wake_is_followed_by_a_tick() -> None:
    ticks = Ticks()
    ticker = ticker_of(ticks)
    ticker.wake()
    assert ticks.wait_for(lambda count: count == 1)
    ticker.close()


def test_a_thousand_wakes_are_few_ticks_and_the_last_wake_still_has_one_after_it() -> None:
    latest, shown = 0, -1
    changed = threading.Condition()

    def tick() -> None:
        nonlocal shown
        with changed:
            shown = latest
            changed.notify_all()

    ticks = 0

    def counted() -> None:
        nonlocal ticks
        ticks += 1
        tick()

    ticker = ticker_of(counted)
    began = time.perf_counter()
    for number in range(1000):
        latest = number
        ticker.wake()
    with changed:
        assert changed.wait_for(lambda: shown == 999, LONG)
    most = (time.perf_counter() - began) / FASTEST + 2
    assert ticks <= most
    ticker.close()


def test_closing_ticks_a_last_time_and_ends_the_thread() -> None:
    ticks = Ticks()
    ticker = ticker_of(ticks)
    ticker.close()
    assert ticks.count == 1
    assert not ticker._thread.is_alive()


def test_closing_twice_does_nothing() -> None:
    ticks = Ticks()
    ticker = ticker_of(ticks)
    ticker.close()
    ticker.close()
    assert ticks.count == 1


def test_the_time_of_each_tick_is_charged() -> None:
    ticks, charged = Ticks(), list[float]()
    ticker = ticker_of(ticks, charged=charged)
    ticker.wake()
    ticks.wait_for(lambda count: count == 1)
    ticker.close()
    assert len(charged) >= 1
    assert all(seconds >= 0 for seconds in charged)


def test_a_dear_tick_comes_less_often() -> None:
    ticker = ticker_of(lambda: None, share=0.004)
    assert ticker._pause(0.0001) == FASTEST
    assert ticker._pause(0.001) == 0.001 / 0.004
    ticker.close()


def test_what_is_behind_is_caught_up_with_though_nothing_woke_it() -> None:
    ticks = Ticks()
    ticker = Ticker(
        ticks,
        alive=lambda: True,
        behind=lambda: ticks.count == 0,
        charge=lambda _: None,
        share=None,
    )
    assert ticks.wait_for(lambda count: count == 1)
    ticker.close()


def test_its_end_is_told_unless_somebody_has_ended_it() -> None:
    ended = threading.Event()
    alive = threading.Event()
    alive.set()
    ticker = Ticker(Ticks(), alive=alive.is_set, ended=ended.set, charge=lambda _: None, share=None)
    alive.clear()
    ticker.wake()
    assert ended.wait(LONG)
    ended.clear()
    closed = Ticker(Ticks(), alive=lambda: True, ended=ended.set, charge=lambda _: None, share=None)
    closed.close()
    assert not ended.is_set()
