"""What a picture needs of whatever it shows: a session, or a recorded run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from gradwidget.view.updates import Source

if TYPE_CHECKING:
    from gradwidget.capture.steps.pause_point import Batch
    from gradwidget.control.commands import Answer
    from gradwidget.control.control import Control
    from gradwidget.control.reaction import OnFinding, Response
    from gradwidget.diagnose.finding import Severity
    from gradwidget.frame import Inspection


class Watched(Source, Protocol):
    """``Session`` describes each of these."""

    on_frame: list[Callable[[], None]]
    on_end: list[Callable[[], None]]
    on_control: list[Callable[[], None]]
    on_inspection: list[Callable[[Inspection], None]]
    control: Control

    @property
    def model_class(self) -> str:
        """Class name of the model."""

    @property
    def budget(self) -> float | None:
        """Share of a step's time that may be spent."""

    @property
    def batch(self) -> Batch | None:
        """What the model was called with, while the loop is paused."""

    @property
    def responses(self) -> Mapping[Severity, Response]:
        """What happens when a finding opens."""

    def poll(self) -> bool:
        """Looks whether something is new that nobody tells of."""

    def report(self, *, full: bool) -> str:
        """What is wrong and what helps, as text."""

    def respond(self, on_finding: OnFinding, *, resumable: bool) -> None:
        """Changes what happens when a finding opens."""

    def inspect(self, layer: str) -> Future[Answer] | str:
        """Inspects a layer."""

    def inspect_idle(self, layer: str) -> bool:
        """Inspects a layer on a thread that is certain to be idle."""

    def log(self, **scalars: object) -> None:
        """Adds scalars to the current step."""

    def charge(self, seconds: float) -> None:
        """Counts time spent on drawing."""

    def close(self) -> None:
        """Watches no longer."""
