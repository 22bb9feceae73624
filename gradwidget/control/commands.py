"""What a person can ask of a running loop, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass

from gradwidget.action import Action

MOST_STEPS = 1_000_000_000
"""Steps that can be asked for at most, those that are still to be run included."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause at the end of the step that is running."""

    reason: str = ""
    """Why, in one sentence, where it was not a person who asked."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Run on."""


@dataclass(frozen=True, slots=True)
class Step:
    """Run this many more optimizer steps, then pause."""

    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            message = f"step takes a whole number of at least 1, not {spelled(self.count)}"
            raise ValueError(message)
        if self.count > MOST_STEPS:
            message = f"step takes at most {MOST_STEPS:,} steps, not {spelled(self.count)}"
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
    """Inspect a layer, between two steps."""

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


def spelled(number: int) -> str:
    """A whole number for a message; one with very many digits as their number.

    Example:
        >>> spelled(12), spelled(-(10**5000))
        ('12', 'a number of 16,610 bits')
    """
    bits = number.bit_length()
    return str(number) if bits <= 64 else f"a number of {bits:,} bits"
