"""What can be added to an ordinary training loop to torture it, and the register of all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from tests.torture.case import Case
    from tests.torture.run import Run

EXTRAS: dict[str, type[Extra]] = {}
"""Every extra by its name."""

KINDS: dict[str, list[str]] = {}
"""Names of the extras by their kind, which is the file that they are in."""


class Extra:
    """One thing that is unusual about a run. What it does, it does watched and unwatched alike.

    Each method is called at the place that it is named for; by default none does anything.
    """

    name: ClassVar[str] = ""
    kind: ClassVar[str] = ""

    models: ClassVar[tuple[str, ...] | None] = None
    """The only models that it can be added to; None for any."""
    loops: ClassVar[tuple[str, ...] | None] = None
    """The only loops."""
    without: ClassVar[tuple[str, ...]] = ()
    """Models, loops, optimizers, extras and kinds of extras that it cannot be combined with."""
    alone: ClassVar[bool] = False
    """Whether it is drawn without other extras."""
    usual: ClassVar[Mapping[str, str]] = {}
    """Model, loop or optimizer that it is always drawn with; a pasted case may have others."""
    steps: ClassVar[int] = 0
    """How many steps it takes to show anything; 0 where any number does."""
    watches: ClassVar[tuple[str, ...]] = ("full", "default")
    """How runs with it are watched."""

    has_bits: ClassVar[bool] = True
    """Whether the unwatched run can be repeated bit for bit."""
    has_figures: ClassVar[bool] = True
    """Whether plain autograd knows the figures of a step."""
    has_all_frames: ClassVar[bool] = True
    """Whether a monitor without a budget has a frame of every step."""
    watched_first: ClassVar[bool] = False
    """Whether it only shows in a process in which nothing of the kind has happened yet."""
    breaks: ClassVar[bool] = False
    """Whether something is broken here on purpose that gradwidget has to report as a problem."""
    ends_early: ClassVar[bool] = False
    """Whether watching ends before the run does."""
    spends_memory: ClassVar[bool] = False
    """Whether the loop itself keeps more and more memory."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @classmethod
    def suits(cls, case: Case, others: set[str], kinds: set[str]) -> bool:
        """Whether it can be part of this case."""
        return (
            (cls.models is None or case.model in cls.models)
            and (cls.loops is None or case.loop in cls.loops)
            and others.isdisjoint(cls.without)
            and (kinds - {cls.kind}).isdisjoint(cls.without)
            and not (cls.alone and len(case.extras) > 1)
        )

    def prepare(self) -> None:
        """Before anything is built."""

    def rebuild(self, model: nn.Module) -> nn.Module:
        """The model that is trained in place of this one."""
        return model

    def options(self) -> Mapping[str, Any]:
        """Further arguments for whoever watches."""
        return {}

    def begin(self) -> None:
        """Everything is built, and watched where it is to be."""

    def before(self, step: int) -> None:
        """Before a step; what this raises is raised in the loop."""

    def around(self, step: int) -> AbstractContextManager[object]:
        """In force during a step."""
        del step
        return nullcontext()

    def call(self, step: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        """What the loop calls in place of the model."""
        del step
        return forward

    def loss(self, step: int, loss: Tensor) -> Tensor:
        """The loss that is used in place of this one."""
        del step
        return loss

    def after(self, step: int) -> None:
        """After a step, whether or not it raised."""

    def end(self) -> None:
        """The loop has ended; it is still watched."""

    def tidy(self) -> None:
        """It is no longer watched: puts back what was changed for the process."""

    def complaints(self) -> Iterator[str]:
        """What went wrong, beyond what is checked of every run; after ``tidy``."""
        return iter(())


E = TypeVar("E", bound=type[Extra])


def extra(kind: E) -> E:
    """Registers an extra under the name of its class, in words joined by underscores."""
    assert kind.__doc__, kind
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)
    kind.name, kind.kind = name.lstrip("_"), kind.__module__.rpartition(".")[2]
    assert kind.name not in EXTRAS, kind.name
    EXTRAS[kind.name] = kind
    KINDS.setdefault(kind.kind, []).append(kind.name)
    return kind
