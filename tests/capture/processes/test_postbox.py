from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from torch._C._distributed_c10d import HashStore

from gradwidget.capture.processes.postbox import KEPT, Postbox


def comes(holds: Callable[[], bool]) -> bool:
    """Whether something holds within some seconds."""
    until = monotonic() + 10
    while monotonic() < until:
        if holds():
            return True
        sleep(0.001)
    return False


def boxes(count: int, world: int) -> list[Postbox]:
    store = HashStore()
    return [Postbox(lambda: store, "model", rank, world) for rank in range(count)]


def test_a_letter_reaches_whoever_expects_it() -> None:
    judge, other = boxes(2, 2)
    assert comes(lambda: judge.members == frozenset({0, 1}))
    judge.expect(3)
    other.send(3, b"hello")
    assert comes(lambda: 1 in judge.letters[3])
    assert judge.drop(3) == {1: b"hello"}


def test_of_a_step_that_was_passed_over_nothing_comes() -> None:
    judge, other = boxes(2, 2)
    judge.expect(3)
    other.send(4, b"later")
    assert comes(lambda: judge.letters[3] == {1: b""})
    assert judge.drop(3) == {}


def test_who_has_not_come_is_no_member_once_that_is_decided() -> None:
    first, second = boxes(2, 3)
    sleep(0.05)
    assert first.members is None
    first.decide()
    second.decide()
    assert comes(lambda: first.members == second.members == frozenset({0, 1}))


def test_a_plan_is_seen_by_who_sends_a_letter() -> None:
    judge, other = boxes(2, 2)
    judge.announce(b"1 8 16 0 0")
    judge.close()
    other.send(0, b"")
    assert comes(lambda: other.plan == b"1 8 16 0 0")


def test_the_store_keeps_a_bounded_number_of_letters() -> None:
    store = HashStore()
    box = Postbox(lambda: store, "model", 0, 2)
    for step in range(3 * KEPT):
        box.send(step, b"letter")
    box.close()
    assert store.num_keys() < 2 * KEPT


def test_a_store_that_cannot_be_reached_ends_it_with_the_reason() -> None:
    def gone() -> HashStore:
        raise ConnectionError

    box = Postbox(gone, "model", 0, 2)
    box.send(0, b"letter")
    box.close()
    assert isinstance(box.failure, ConnectionError)


def test_nothing_more_is_expected_of_one_that_has_ended() -> None:
    judge, other = boxes(2, 2)
    judge.expect(3)
    other.close()
    assert comes(lambda: judge.letters[3] == {1: b""})
