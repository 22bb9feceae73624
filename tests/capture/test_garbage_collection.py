from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
from torch import nn

from gradwidget import GradMonitor
from gradwidget.capture.garbage_collection import uncollected


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    """Collections are on after each test."""
    yield
    gc.enable()


def test_nothing_is_collected_while_it_works_and_then_it_is_again() -> None:
    assert not uncollected(gc.isenabled)()
    assert gc.isenabled()


def test_the_work_gets_what_it_is_given_and_gives_its_result() -> None:
    assert uncollected(divmod)(7, 2) == (3, 1)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_garbage_is_collected_again_whatever_ends_the_work(failure: type[BaseException]) -> None:
    def fail() -> None:
        raise failure

    with pytest.raises(failure):
        uncollected(fail)()
    assert gc.isenabled()


def test_of_two_inside_each_other_the_outer_one_switches_it_on_again() -> None:
    @uncollected
    def outer() -> bool:
        uncollected(gc.isenabled)()
        return gc.isenabled()

    assert not outer()
    assert gc.isenabled()


def test_where_a_user_has_switched_it_off_it_stays_off() -> None:
    gc.disable()
    uncollected(gc.collect)()
    assert not gc.isenabled()


def watched_with(choose: Callable[[], bool]) -> GradMonitor:
    """A monitor that asks while it attaches."""
    return GradMonitor(nn.Sequential(nn.Linear(2, 2)), layers=lambda _name, _module: choose())


def test_attaching_collects_no_garbage() -> None:
    seen: list[bool] = []

    def choose() -> bool:
        seen.append(gc.isenabled())
        return True

    watched_with(choose).close()
    assert seen == [False]
    assert gc.isenabled()


def test_an_interrupt_while_attaching_leaves_collections_on() -> None:
    def choose() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched_with(choose)
    assert gc.isenabled()
