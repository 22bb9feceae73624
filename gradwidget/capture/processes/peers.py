"""The processes that watch the same model: who they are, who judges, and what each has told."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Generic, TypeVar

from gradwidget.capture.processes.message_store import END, LOOK_EVERY, MessageStore
from gradwidget.capture.processes.rank_message import RankMessage
from gradwidget.capture.sampling.pace import Pace
from gradwidget.capture.torch_private import process_store
from gradwidget.frame import Layer, Standing
from gradwidget.wording import names

PATIENCE = 4, 1.0
"""Steps and seconds that a frame waits for the others: all of both must have passed.

Who trains together is together after a step, and a process that is late stops the others as well.
"""
CLOSING = 1.0
"""Seconds that it waits once the training is over."""
SHARING = "sharing what the processes measured"

MOST_NAMED = 6
"""Ranks in a sentence."""

T = TypeVar("T")

_attached: Counter[str] = Counter()
"""How often each model was watched: of a second time nothing is mistaken for the first."""


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What is known of a step now that no more of it is waited for."""

    item: T
    messages: dict[int, RankMessage]
    """What each process has told of the step, by rank, this one included."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    step: int
    item: T
    message: RankMessage
    since: float


class Peers(Generic[T]):
    """Gathers in one process, the first that watches, what all have measured.

    The others send what they have, and judge nothing. No process ever waits for another.

    Args:
        store: brings the messages.
        note: keeps a problem, given what was done and what came of it.
    """

    def __init__(self, store: MessageStore, note: Callable[[str, str], None]) -> None:
        self.pace = Pace()
        """Which steps all of them sample."""
        self.judge: int | None = None
        """The rank that judges; None as long as it is not known who is there."""
        self.spread: tuple[str, ...] = ()
        """The layers whose outputs no process has in full, as tensor parallel divides them."""
        self._store = store
        self._note = note
        self._waiting: deque[_Waiting[T]] = deque()
        self._silent: dict[int, int] = {}
        """The step of which a process had told nothing when it was waited for, by rank."""
        self._gone: dict[int, int] = {}
        """The first step of which a process that has ended its watch told nothing, by rank."""
        self._shared = 0
        """The newest step that another process has told of."""
        self._has_failed = False
        self._last: Standing | None = None
        """How it stood when the training was over."""

    @property
    def rank(self) -> int:
        """The number of this process."""
        return self._store.rank

    @property
    def judges(self) -> bool:
        """Whether this process judges, as it also does while it is not known who else is there."""
        return self.judge in {None, self.rank} or self._store.failure is not None

    @property
    def is_alone(self) -> bool:
        """Whether no other process watches the model, or none can be reached any more."""
        return self._store.members == frozenset({self.rank}) or self._store.failure is not None

    @property
    def is_waiting(self) -> bool:
        """Whether there are steps that others may still tell of."""
        return bool(self._waiting)

    def add(self, message: RankMessage, item: T) -> None:
        """Sends what this process has measured in a step, and keeps ``item`` until all have."""
        step, store = message.step, self._store
        if not self.is_alone:
            store.send(step, message.written())
            if not self.pace.leads:
                self.pace.follow(store.plan)
            if self.judges:
                store.expect(step)
        self._waiting.append(_Waiting(step, item, message, perf_counter()))

    def announce(self) -> None:
        """Tells the others of a change of pace, where there is one."""
        plan = self.pace.take()
        if plan and not self.is_alone:
            self._store.announce(plan)

    def complete(self, step: int, *, is_last: bool = False) -> Iterator[Told[T]]:
        """The steps that nothing more is waited for, in order.

        Args:
            step: the one under way.
            is_last: whether there will be none after it.
        """
        while self._waiting:
            first = self._waiting[0]
            is_late = is_last or (
                step - first.step >= PATIENCE[0] and perf_counter() - first.since > PATIENCE[1]
            )
            if not (self._settled(is_late=is_late) or is_last):
                return
            missing = self._missing(first.step) if self.judges and not self.is_alone else []
            if missing and not is_late:
                return
            self._note_silent(missing, first.step)
            self._note_gone(first.step)
            self._waiting.popleft()
            messages = self._messages_of(first)
            if len(messages) > 1:
                self._shared = first.step
            yield Told(first.item, messages)

    def finish(self, step: int) -> Iterator[Told[T]]:
        """What is left once the training is over: waits for it a moment; and closes the store."""
        if self._last is not None:
            return
        until = perf_counter() + CLOSING
        while self._waiting and perf_counter() < until:
            yield from self.complete(step)
            if self._waiting:
                sleep(LOOK_EVERY)
        self._store.decide()
        yield from self.complete(step, is_last=True)
        self._last = self.standing
        self._store.close()

    @property
    def standing(self) -> Standing:
        """How the figures of this process stand to those of the others."""
        if self._last is not None:
            return self._last
        store, rank, world = self._store, self.rank, self._store.world
        if store.failure is not None:
            note = (
                f"The other processes could not be reached after step {self._shared}: what follows "
                f"is rank {rank}'s part alone."
            )
            return Standing(notes=(note,))
        if self.judge is None or store.members is None:
            return Standing()
        if not self.judges:
            note = (
                f"This is rank {rank} of {world}. Rank {self.judge} makes the diagnosis and has "
                "the statistics of all; what is shown here is this rank's part."
            )
            return Standing(self.judge, (note,))
        notes = [
            f"{_ranks([silent])} sent nothing for step {at}: since then the loss is without it."
            for silent, at in self._silent.items()
        ]
        notes += [
            f"{_ranks([gone])} has stopped watching at step {at}: since then the loss is without "
            "it."
            for gone, at in self._gone.items()
        ]
        if len(store.members) > 1:
            notes.insert(
                0,
                f"Gradients, weights, activations and the loss are of {len(store.members)} "
                f"processes; inputs and histograms are rank {rank}'s part.",
            )
        if self.spread:
            notes.append(
                f"Outputs of {names(self.spread)} are spread over the processes: their activations "
                "are not measured, their gradients and weights are."
            )
        absent = sorted(set(range(world)) - store.members)
        if absent:
            there = _ranks(sorted(store.members))
            notes.append(
                f"{_ranks(absent)} of {world} {'does' if len(absent) == 1 else 'do'} not watch "
                "this model: what differs from process to process, as the loss, is of "
                f"{there.lower()} alone."
            )
        return Standing(notes=tuple(notes))

    # ------------------------------------------------------------------ who is there

    def _settled(self, *, is_late: bool) -> bool:
        """Whether it is known who judges."""
        store = self._store
        if store.failure is not None:
            if not self._has_failed:
                self._has_failed = True
                self._note(SHARING, f"{SHARING} failed: {_first_line(store.failure)}")
            return True
        if store.members is None:
            if is_late:
                store.decide()
            return False
        if self.judge is None:
            self.judge = min(store.members)
            self.pace.leads = self.judges
        return True

    def _missing(self, step: int) -> list[int]:
        """The ranks that may still tell of a step."""
        store = self._store
        there = [one for one in sorted(store.members or ()) if one != self.rank]
        for one in there:
            if store.newest.get(one, -1) > self._silent.get(one, step):
                self._silent.pop(one, None)  # it has spoken again
        come = store.messages.get(step, {})
        return [one for one in there if one not in come and one not in self._silent]

    def _note_silent(self, missing: Sequence[int], step: int) -> None:
        self._silent |= dict.fromkeys(missing, step)

    def _note_gone(self, step: int) -> None:
        come = self._store.messages.get(step, {})
        if self.judges and self.pace.samples(step):  # others may have left out what is not agreed
            for rank, message in sorted(come.items()):
                if not message and self._store.newest[rank] == END:
                    self._gone.setdefault(rank, step)

    def _messages_of(self, one: _Waiting[T]) -> dict[int, RankMessage]:
        found = {rank: RankMessage.read(data) for rank, data in self._store.drop(one.step).items()}
        return {self.rank: one.message, **found} if self.judges else {self.rank: one.message}


def join(layers: Sequence[Layer], note: Callable[[str, str], None]) -> Peers[T] | None:
    """Says to the other processes that this one watches a model; None where there are none.

    Args:
        layers: of the model: who watches others is no peers.
        note: see ``Peers``.
    """
    found = process_store()
    if found is None:
        return None
    words = repr([(layer.name, sorted(layer.shapes.items())) for layer in layers])
    name = hashlib.sha256(words.encode()).hexdigest()[:16]
    _attached[name] += 1
    watched = f"{name}/{_attached[name]}"
    return Peers(MessageStore(found.connect, watched, found.rank, found.world), note)


def _ranks(numbers: Sequence[int]) -> str:
    """In words, such as ``"Ranks 1, 2 and 3"``; of many the first."""
    return names([str(one) for one in numbers], MOST_NAMED).capitalize().replace("Layer", "Rank")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
