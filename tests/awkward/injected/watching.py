"""The ways in which a loop is watched while something fails or is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from anywidget import AnyWidget

import tests.awkward.loops  # noqa: F401  # registers every loop
from gradwidget import GradMonitor, GradWidget
from gradwidget.action import Clip
from gradwidget.control.commands import Answer, Apply, Inspect, Pause, Resume, Undo
from gradwidget.diagnose.finding import Finding
from tests.awkward.loop import LOOPS, Loop

MILD = Clip(1e30)
"""A change of the loop that changes no bit of it."""


class Watching(Protocol):
    """A monitor on a loop, and whatever is around it."""

    monitor: GradMonitor

    @property
    def problems(self) -> list[str]:
        """Messages of the failures inside gradwidget that it keeps."""

    @property
    def complaints(self) -> list[str]:
        """The same, what layers lack by a failure, and answers to requests that were refused."""

    def close(self) -> None:
        """Ends it."""


def failed_readings(monitor: GradMonitor) -> list[str]:
    """Why layers of the newest frames lack a statistic, where reading it raised something."""
    reasons = (why for frame in monitor.history.recent_frames(64) for why in frame.reasons.values())
    return [why for why in reasons if " raised " in why]


class Alone:
    """A monitor that measures every step in full."""

    def __init__(self, loop: Loop, *, activations: bool = True) -> None:
        self.monitor = GradMonitor(loop.model, loop.named, budget=None, activations=activations)

    @property
    def problems(self) -> list[str]:
        return [problem.message for problem in self.monitor.problems]

    @property
    def complaints(self) -> list[str]:
        return self.problems + failed_readings(self.monitor)

    def close(self) -> None:
        self.monitor.close()


class InUse:
    """A widget that is used: a page is open on it, and a person pauses, changes and inspects.

    What a page and its reader do happens on the training thread, after each frame, so that it is
    part of the step. A thread of its own resumes the loop when it is paused.
    """

    def __init__(self, loop: Loop) -> None:
        self.found: list[Finding] = []
        self.answers: list[Future[Answer]] = []
        self.failed: list[str] = []
        self.widget = GradWidget(loop.model, loop.named, budget=None, on_finding=self.found.append)
        self.widget.send = self._sent
        self.monitor = self.widget.monitor
        self.monitor._session.on_frame.append(self._use)
        self._layers = [layer.name for layer in self.monitor.layers]
        gate = self.monitor._session.control.gate
        self.answers += [gate.submit(Apply(MILD)), gate.submit(Inspect(self._layers[0]))]
        self._over, self._is_there = threading.Event(), threading.Event()
        self._helper = threading.Thread(target=self._resume, daemon=True)
        self._helper.start()
        self._is_there.wait()
        gate.submit(Pause())

    @property
    def problems(self) -> list[str]:
        kept = (*self.monitor.problems, *self.widget._view_problems)
        return [problem.message for problem in kept]

    @property
    def complaints(self) -> list[str]:
        answers = [answer.result() for answer in self.answers if answer.done()]
        refused = [answer.text for answer in answers if not answer.ok]
        return self.problems + failed_readings(self.monitor) + refused + self.failed

    def close(self) -> None:
        self._over.set()
        self._helper.join()
        self.widget.close()
        AnyWidget.close(self.widget)  # a whole history would stay as long as its page

    def _sent(self, content: Any, _buffers: object = None) -> None:
        """In the place of a page: keeps the answers that a request has failed."""
        if content["kind"] == "answer" and content["text"].startswith("Failed"):
            self.failed.append(content["text"])

    def _use(self) -> None:
        self.widget._tick()
        ask = self.widget._receive
        ask({"kind": "hello"})
        ask({"kind": "inspect", "request": "inspect", "layer": self._layers[-1]})
        ask({"kind": "pause_on", "request": "pause_on", "severity": "warning", "pause": False})
        ask({"kind": "undo", "request": "undo", "number": 10**6})
        if (last := self.monitor.history.last) is not None and last.step == 1:
            self.answers.append(self.monitor._session.control.gate.submit(Undo()))

    def _resume(self) -> None:
        gate = self.monitor._session.control.gate
        gate.submit(Resume())  # only where another thread has asked for something may it pause
        self._is_there.set()
        while not self._over.wait(0.001):
            # One that is only about to wait is left to tell of its pause first.
            if gate._condition._waiters:  # type: ignore[attr-defined]  # whether it waits
                gate.submit(Resume())


@dataclass(frozen=True)
class Scene:
    """A loop, and how it is watched."""

    loop_name: str
    watch: Callable[[Loop], Watching] = Alone

    def loop(self) -> Loop:
        """A fresh loop."""
        return LOOPS[self.loop_name].loop()


WITHOUT_ACTIVATIONS: Callable[[Loop], Watching] = partial(Alone, activations=False)

SCENES = {
    **{
        name: Scene(name)
        for name in (
            "plain",
            "a_scaler_alone",
            "a_stacked_lstm",
            "a_step_that_overflows",
            "a_loss_that_turns_nan",
            "no_optimizer_at_all",
            "two_optimizers_on_one_model",
            "checkpoints_reentrant",
            "gradients_assigned_by_hand",
            "a_frozen_backbone",
            "weights_in_a_list",
        )
    },
    "a_loss_that_turns_nan, without activations": Scene(
        "a_loss_that_turns_nan", WITHOUT_ACTIVATIONS
    ),
    "plain, in use": Scene("plain", InUse),
    "a_stacked_lstm, in use": Scene("a_stacked_lstm", InUse),
    "a_loss_that_turns_nan, in use": Scene("a_loss_that_turns_nan", InUse),
}
"""Loops that between them reach nearly everything that runs in one, the quickest first."""

UNREPEATABLE = ("a_scaler_alone", "a_step_that_overflows", "no_optimizer_at_all")
"""Loops that an interrupt in the middle of a step leaves half-way, with or without us: a scaler
refuses to go on."""
