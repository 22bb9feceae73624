"""Messages between the processes of a training, through the store of their process group.

No collective: one that a process does not enter holds up the others, or ends them. A message that
does not come is missing, and nothing else.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any
from weakref import finalize

LOOK_EVERY = 0.003
"""Seconds from one look for messages to the next, while there are any to come."""
CLOSING = 1.0
"""Seconds that it has at its end to send what is left."""
KEPT = 32
"""Messages of each process that are in the store at once."""
END = 2**62
"""The step that one tells of who will tell of no other."""
PRESENT = "present"
PLAN = "plan"


Jobs = SimpleQueue[Callable[[], None] | None]
"""What there is to do for the thread; None ends it."""


class MessageStore:
    """Sends and collects messages on a thread of its own, so that no training waits for a network.

    Args:
        connect: opens a connection of our own to where the messages are left, on the thread.
        name: what all that watch the same model call it.
        rank: the number of this process.
        world: how many processes there are.

    Example:
        >>> from torch.distributed import HashStore
        >>> box = MessageStore(HashStore, "model", 0, 1)
        >>> box.close()
        >>> box.failure is None
        True
    """

    def __init__(self, connect: Callable[[], Any], name: str, rank: int, world: int) -> None:
        self.rank, self.world = rank, world
        self.members: frozenset[int] | None = None
        """The ranks of those that watch the model; None as long as that is not known."""
        self.newest: dict[int, int] = {}
        """The newest step that each of the others has told of."""
        self.messages: dict[int, dict[int, bytes]] = {}
        """What has come of each step that is expected, by rank; empty where a process has told of a
        later step and not of this."""
        self.plan: bytes = b""
        """The newest plan that was announced; empty before one was."""
        self.failure: Exception | None = None
        """What has ended it before its time."""
        self._connect, self._name = connect, name
        self._store: Any  # torch.distributed.Store, of which torch gives other types than it takes
        self._jobs: Jobs = SimpleQueue()
        self._told: deque[int] = deque()
        self._decides = False
        self._lock = threading.Lock()
        """Held while steps are added to those expected, or taken from them."""
        self._thread = threading.Thread(target=self._run, name="gradwidget-post", daemon=True)
        # Also before the interpreter is torn down: a thread inside of torch would abort that.
        self._end = finalize(self, _end, self._jobs, self._thread)
        self._jobs.put(self._present)
        self._thread.start()

    def decide(self) -> None:
        """A process that has not announced itself by now counts as one that does not watch."""
        self._decides = True

    def send(self, step: int, message: bytes) -> None:
        """Leaves a message about a step, and looks whether there is a new plan."""
        self._jobs.put(lambda: self._send(step, message))

    def announce(self, plan: bytes) -> None:
        """Leaves a plan for all others."""
        self._jobs.put(lambda: self._store.set(self._key(PLAN), plan))

    def expect(self, step: int) -> None:
        """Collects messages about a step from now on, until ``drop``."""
        with self._lock:
            self.messages[step] = {}
        self._jobs.put(self._look)

    def drop(self, step: int) -> dict[int, bytes]:
        """What has come about a step; nothing more is collected of it."""
        with self._lock:
            found = self.messages.pop(step, {})
        return {rank: found[rank] for rank in list(found) if found[rank]}

    def close(self) -> None:
        """Ends it once all is sent; waits a moment for that."""
        self._jobs.put(self._leave)
        self._end()

    # ------------------------------------------------------------------ on the thread

    def _run(self) -> None:
        try:
            self._store = self._connect()
            while True:
                is_looking = self.members is None or bool(self.messages)
                with suppress(Empty):
                    job = self._jobs.get(timeout=LOOK_EVERY if is_looking else None)
                    if job is None:
                        return
                    job()
                    continue
                self._look()
        except Exception as error:  # noqa: BLE001  # whatever a store may raise: the training is not to see it
            self.failure = error

    def _key(self, *parts: object) -> str:
        return "/".join(["gradwidget", self._name, *map(str, parts)])

    def _present(self) -> None:
        self._store.set(self._key("told", self.rank), b"")
        self._store.add(self._key(PRESENT), 1)

    def _leave(self) -> None:
        self._tell(END)

    def _tell(self, step: int) -> None:
        self._told.append(step)
        self._store.set(self._key("told", self.rank), ",".join(map(str, self._told)).encode())

    def _send(self, step: int, message: bytes) -> None:
        self._store.set(self._key(step, self.rank), message)
        self._tell(step)
        if len(self._told) > KEPT:
            self._store.delete_key(self._key(self._told.popleft(), self.rank))
        if self._store.check([self._key(PLAN)]):
            self.plan = self._store.get(self._key(PLAN))

    def _look(self) -> None:
        if self.members is None:
            if not self._decides and self._store.add(self._key(PRESENT), 0) < self.world:
                return
            self.members = frozenset(
                rank
                for rank in range(self.world)
                if rank == self.rank or self._store.check([self._key("told", rank)])
            )
        for rank in sorted(self.members - {self.rank}):
            told = [int(one) for one in self._store.get(self._key("told", rank)).split(b",") if one]
            self.newest[rank] = max(told, default=-1)
            with self._lock:
                wanted = list(self.messages.items())
            for step, found in wanted:
                if rank not in found and step <= self.newest[rank]:
                    is_there = step in told
                    found[rank] = self._store.get(self._key(step, rank)) if is_there else b""


def _end(jobs: Jobs, thread: threading.Thread) -> None:
    jobs.put(None)
    thread.join(CLOSING)
