from __future__ import annotations

from time import monotonic, sleep

import pytest
from torch._C._distributed_c10d import HashStore

from gradwidget.capture.processes import peers as module
from gradwidget.capture.processes.message_store import MessageStore
from gradwidget.capture.processes.peers import Peers, Told
from gradwidget.capture.processes.rank_message import RankMessage


def peers_of(count: int, world: int) -> tuple[list[Peers[int]], list[str]]:
    store, problems = HashStore(), list[str]()
    made = [
        Peers[int](
            MessageStore(lambda: store, "model", rank, world),
            lambda _, message: problems.append(message),
        )
        for rank in range(count)
    ]
    return made, problems


def complete(one: Peers[int], step: int, wanted: int) -> list[Told[int]]:
    """What is complete once so many steps are, or after some seconds."""
    found: list[Told[int]] = []
    until = monotonic() + 10
    while len(found) < wanted and monotonic() < until:
        found += one.complete(step)
        sleep(0.001)
    return found


def test_the_first_process_gets_what_all_have_told() -> None:
    (judge, other), problems = peers_of(2, 2)
    other.add(RankMessage(0, loss=2.0), 10)
    judge.add(RankMessage(0, loss=1.0), 20)
    (told,) = complete(judge, 1, 1)
    assert told.item == 20
    assert {rank: one.loss for rank, one in told.messages.items()} == {0: 1.0, 1: 2.0}
    assert [one.item for one in complete(other, 1, 1)] == [10]
    assert judge.judges
    assert not other.judges
    assert other.standing.judge == 0
    assert problems == []


def test_a_step_is_not_waited_for_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", (2, 0.05))
    (judge, other), _ = peers_of(2, 2)
    other.add(RankMessage(0), 0)
    judge.add(RankMessage(0), 0)
    complete(judge, 1, 1)
    judge.add(RankMessage(1), 1)
    sleep(0.1)
    assert list(judge.complete(2)) == []
    assert [one.messages.keys() for one in complete(judge, 3, 1)] == [{0}]
    assert "Rank 1 sent nothing for step 1" in " ".join(judge.standing.notes)
    # Of one that is silent nothing is waited for, until it speaks again.
    judge.add(RankMessage(4), 4)
    assert len(list(judge.complete(4))) == 1
    other.add(RankMessage(5), 5)
    sleep(0.1)
    judge.add(RankMessage(5), 5)
    complete(judge, 5, 1)
    sleep(0.1)
    other.add(RankMessage(6), 6)
    judge.add(RankMessage(6), 6)
    assert [one.messages.keys() for one in complete(judge, 6, 1)] == [{0, 1}]


def test_one_that_ends_its_watch_before_the_others_is_named() -> None:
    (judge, other), _ = peers_of(2, 2)
    for step in (0, 1):
        other.add(RankMessage(step), step)
        judge.add(RankMessage(step), step)
    list(other.finish(1))
    complete(judge, 2, 2)
    assert "stopped watching" not in " ".join(judge.standing.notes)
    judge.add(RankMessage(2), 2)
    assert [one.messages.keys() for one in complete(judge, 3, 1)] == [{0}]
    assert "Rank 1 has stopped watching at step 2" in " ".join(judge.standing.notes)


def test_one_that_ends_with_the_others_is_not_missed_in_a_step_that_one_alone_sampled() -> None:
    (judge, other), _ = peers_of(2, 2)
    other.add(RankMessage(0), 0)
    judge.add(RankMessage(0), 0)
    complete(judge, 1, 1)
    judge.pace.choose(1, 8)
    step = 41  # no multiple of eight
    judge.add(RankMessage(step), step)
    list(other.finish(step))
    assert len(complete(judge, step + 1, 1)) == 1
    assert "stopped watching" not in " ".join(judge.standing.notes)


def test_one_that_is_alone_says_so_and_keeps_its_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", (1, 0.01))
    (alone,), _ = peers_of(1, 3)
    alone.add(RankMessage(0), 0)
    assert len(complete(alone, 1, 1)) == 1
    assert alone.is_alone
    assert "Ranks 1 and 2 of 3 do not watch this model" in " ".join(alone.standing.notes)


def test_the_last_steps_come_out_when_the_training_is_over() -> None:
    (judge, _), _ = peers_of(2, 2)
    judge.add(RankMessage(7), 7)
    assert [one.item for one in judge.finish(7)] == [7]


def test_a_store_that_is_gone_leaves_each_process_to_itself() -> None:
    problems: list[str] = []

    def gone() -> HashStore:
        message = "the store is gone"
        raise ConnectionError(message)

    left = Peers[int](
        MessageStore(gone, "model", 1, 2), lambda _, message: problems.append(message)
    )
    left.add(RankMessage(0), 0)
    assert [one.item for one in complete(left, 0, 1)] == [0]
    assert left.judges
    assert "the store is gone" in problems[0]
    assert "could not be reached" in left.standing.notes[0]
