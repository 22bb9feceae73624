"""What a person can ask of a running loop, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass

from gradwidget.action import Action


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold at the end of the step that is running."""

    reason: str = ""
    """Why, in one sentence, where it was not a person who asked."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Run on."""


@dataclass(frozen=True, slots=True)
class Step:
    """Run this many more optimizer steps, then hold."""

    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            message = f"step takes a whole number of at least 1, not {self.count}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Apply:
    """Change the loop, between two steps."""

    action: Action


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back a change, between two steps."""

    number: int | None = None
    """Which, as ``Change.number``; None for the latest that is still in force."""


@dataclass(frozen=True, slots=True)
class Inspect:
    """Look into a layer, between two steps."""

    layer: str


Errand = Apply | Undo | Inspect
"""Commands that are carried out on the training thread."""

Command = Pause | Resume | Step | Errand


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command."""

    ok: bool
    text: str
    """What was done, or why it could not be, in one sentence."""
