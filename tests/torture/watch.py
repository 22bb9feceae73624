"""How a run is watched: the only place here that knows how gradwidget is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from gradwidget import Frame, GradMonitor, GradWidget, Remedy

if TYPE_CHECKING:
    from concurrent.futures import Future

    from gradwidget.control.commands import Answer
    from gradwidget.control.control import Control

WATCHES: dict[str, Mapping[str, Any]] = {
    "full": {"budget": None},
    "default": {},
    "parameters": {"budget": None, "activations": False},
    "widget": {"budget": None},
}
"""The arguments of each way to watch; ``widget`` is a ``GradWidget``, the others are monitors."""


@dataclass(frozen=True)
class Applied:
    """A remedy in force, told so that the same can be done by hand."""

    action: Mapping[str, Any]
    after: int
    """The last step before it."""
    undone: int | None
    """The last step with it; None where it was in force to the end."""

    def is_in_force(self, step: int) -> bool:
        """Whether this step is changed by it."""
        return step > self.after and (self.undone is None or step <= self.undone)


class Watcher:
    """Somebody who watches a model, and all that they are told.

    Args:
        model: the model.
        watch: one of ``WATCHES``.
        options: further arguments.
    """

    def __init__(self, model: nn.Module, watch: str, options: Mapping[str, Any]) -> None:
        arguments = {**WATCHES[watch], **options}
        self.widget = GradWidget(model, **arguments) if watch == "widget" else None
        self.monitor = self.widget.monitor if self.widget else GradMonitor(model, **arguments)
        self.session = self.monitor._session
        self.has_every_step = arguments.get("budget", 0.01) is None
        self.frames: list[Frame] = []
        self.answers: list[tuple[Mapping[str, Any], Future[Answer]]] = []
        self.session.on_frame.append(self._framed)

    def _framed(self) -> None:
        if (frame := self.monitor.history.last) is not None:
            self.frames.append(frame)

    @property
    def control(self) -> Control:
        """What holds and changes the loop."""
        return self.session.control

    def apply(self, **action: Any) -> Future[Answer]:
        """Asks for a remedy."""
        answer = self.control.submit(Remedy("a remedy", "to see what it does", "", action))
        self.answers.append((action, answer))
        return answer

    @property
    def applied(self) -> list[Applied]:
        """What was done, in order."""
        done = [action for action, answer in self.answers if answer.done() and is_ok(answer)]
        return [
            Applied(action, change.step, change.undone_step)
            for action, change in zip(done, self.control.changes, strict=True)
        ]

    def close(self) -> None:
        """Stops watching."""
        (self.widget or self.monitor).close()


def is_ok(answer: Future[Answer]) -> bool:
    """Whether what was asked for was done."""
    return not answer.cancelled() and answer.result(0).ok
