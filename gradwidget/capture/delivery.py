"""Steps that are over, until they are frames that are recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from gradwidget.capture.collect.frame_builder import FrameBuilder
from gradwidget.capture.collect.loop.bad_update import BadUpdate
from gradwidget.capture.collect.loop.same_batch import SameBatch
from gradwidget.capture.collect.output_parts import output_parts
from gradwidget.capture.guard import Guard
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.processes.merged_frame import merged_frame, message_of
from gradwidget.capture.processes.merged_outputs import with_outputs
from gradwidget.capture.processes.peers import SHARING, Peers, Told, join
from gradwidget.capture.processes.rank_message import RankMessage
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.triggers import SamplingTriggers
from gradwidget.capture.unmeasured import are_spread
from gradwidget.frame import Frame

BATCH = "comparing a batch with the one before"

Shared = tuple[FrameBuilder, Frame]
"""A step, and what this process alone has measured of it."""


class Delivery:
    """Waits for the values of each step, and for the other processes of the training, if any.

    Args:
        table: the layers.
        guard: contains failures.
        decision: is asked for more samples where a frame shows that something has happened.
        triggers: sees that.
        same_batch: compares the batches of two steps.
        emit: called with each frame on the training thread.
    """

    def __init__(
        self,
        table: LayerTable,
        guard: Guard,
        decision: SamplingDecision,
        triggers: SamplingTriggers,
        same_batch: SameBatch,
        *,
        emit: Callable[[Frame], None],
    ) -> None:
        self.peers: Peers[Shared] | None = None
        """The processes that watch the same model; None where this one is alone."""
        self._table = table
        self._guard = guard
        self._decision = decision
        self._triggers = triggers
        self._same_batch = same_batch
        self._emit = emit
        self._bad_update = BadUpdate()
        self.waiting: deque[FrameBuilder] = deque()
        """Steps whose values have not arrived."""
        self._has_asked = False

    def add(self, builder: FrameBuilder) -> None:
        """A sampled step is over."""
        if not self._has_asked:
            # The first step has made sure that the others are there, if they ever will.
            self._has_asked = True
            self._guard.run(SHARING, self._join)
        self.waiting.append(builder)

    def deliver(self, step: int) -> None:
        """Emits the frames of which nothing more is waited for.

        Args:
            step: the one under way.
        """
        while self.waiting and self.waiting[0].readback.ready:
            builder = self.waiting.popleft()
            frame = self._guard.run("making a frame", builder.frame)
            if frame is None:
                continue
            if self.peers is None or not self._guard.run(SHARING, self._share, builder, frame):
                self._record(builder, frame)
        if self.peers is not None and self.peers.is_waiting:
            self._complete(self.peers, step, is_last=False)

    def announce(self) -> None:
        """A sampled step may have changed the pace that all processes keep."""
        if self.peers is not None:
            self._guard.run(SHARING, self.peers.announce)

    def finish(self, step: int) -> None:
        """Emits all that is left: nothing comes after it."""
        for builder in self.waiting:
            builder.readback.wait()
        self.deliver(step)
        if self.peers is not None:
            self._complete(self.peers, step, is_last=True)

    def _join(self) -> None:
        self.peers = join(self._table.layers, self._guard.note)
        self._decision.pace = None if self.peers is None else self.peers.pace

    def _share(self, builder: FrameBuilder, frame: Frame) -> bool:
        if self.peers is None:
            return False
        outputs = output_parts(frame, builder.activations.outputs)
        message = message_of(frame, builder.apart, builder.parts(), outputs)
        self.peers.add(message, (builder, frame))
        return True

    def _complete(self, peers: Peers[Shared], step: int, *, is_last: bool) -> None:
        found = peers.finish if is_last else peers.complete
        for told in self._guard.run(SHARING, lambda: list(found(step))) or ():
            builder, frame = told.item
            self._record(builder, self._guard.run(SHARING, self._together, peers, told) or frame)
        if peers.is_alone:
            self._decision.pace = None
        else:
            self.announce()

    def _together(self, peers: Peers[Shared], told: Told[Shared]) -> Frame:
        builder, frame = told.item
        messages: Mapping[int, RankMessage] = told.messages
        if len(messages) > 1:
            if builder.sharded.numbers and builder.sharded.holders <= set(messages):
                frame = builder.frame({rank: one.parts for rank, one in messages.items()})
            frame = merged_frame(frame, peers.rank, messages)
        elif peers.judges:
            # Without the others a part of an output says nothing of its layer.
            frame = with_outputs(frame, [messages[peers.rank].outputs])
        peers.spread = are_spread(frame.reasons)
        return frame

    def _record(self, builder: FrameBuilder, frame: Frame) -> None:
        frame = self._bad_update.remembered(frame)
        entered = builder.loop.inputs.entered
        frame = self._guard.run(BATCH, self._same_batch.noted, frame, entered) or frame
        reason = self._triggers.frame_made(frame)
        if reason is not None:
            self._decision.request(reason)
        self._guard.run("recording a frame", self._emit, frame)
