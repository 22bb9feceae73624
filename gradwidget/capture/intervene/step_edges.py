"""The two edges of what an optimizer itself does in a step, inside of every other hook."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol
from weakref import ref

from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from gradwidget.capture.torch_private import order_step_hooks


class Inside(Protocol):
    """What is true inside a step only."""

    def enter(self, optimizer: Optimizer) -> None:
        """The optimizer's own code is about to run."""

    def leave(self, optimizer: Optimizer) -> None:
        """It has run, or hooks of others are about to run; calling twice does nothing."""

    def over(self, optimizer: Optimizer) -> None:
        """The step as a whole has ended or raised; calling twice does nothing."""


class StepEdges:
    """Has an optimizer enter and leave exactly around its own code.

    Hooks of others, as a scheduler that is stepped in one, run outside. A step that raises is left
    too, by way of a wrapper around ``optimizer.step``.

    Args:
        optimizer: held weakly; it holds hooks of its own and the wrapper until ``remove``.
        inside: what to enter and to leave; it must not raise.
    """

    def __init__(self, optimizer: Optimizer, inside: Inside) -> None:
        self._optimizer = ref(optimizer)
        self._inside = inside
        self._is_stepping = False
        self._is_removed = False
        self._handles: list[RemovableHandle] = [
            optimizer.register_step_pre_hook(self._before_other_hooks),
            optimizer.register_step_pre_hook(self._before_code),
            optimizer.register_step_post_hook(self._after_code),
        ]
        self._original: Callable[..., Any] | None = vars(optimizer).get("step")
        self._wrapper = vars(optimizer)["step"] = self._wrapped(optimizer)

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer; None when it no longer exists."""
        return self._optimizer()

    def step_begins(self, optimizer: Optimizer) -> None:
        """A step begins, and no hook of the optimizer itself has run: brings ours into order."""
        self._is_stepping = True
        order_step_hooks(optimizer, *self._handles)

    def step_ended(self) -> None:
        """The step is over, or has raised."""
        self._is_stepping = False
        if self._is_removed:
            self._take_off()

    def remove(self) -> None:
        """Removes the hooks and the wrapper; in the middle of a step, when it ends."""
        self._is_removed = True
        # Torch walks through the hooks during a step, and would fail if one of them went.
        if not self._is_stepping:
            self._take_off()

    def _take_off(self) -> None:
        while self._handles:
            self._handles.pop().remove()
        optimizer = self._optimizer()
        # A scheduler made meanwhile may have wrapped ours, which then stays and does nothing.
        if optimizer is None or vars(optimizer).get("step") is not self._wrapper:
            return
        if self._original is None:
            del vars(optimizer)["step"]
        else:
            vars(optimizer)["step"] = self._original

    def _wrapped(self, optimizer: Optimizer) -> Callable[..., Any]:
        original, alive, edges = self._original, self._optimizer, self

        @wraps(original or type(optimizer).step)
        def of_any(optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # torch's
            try:
                if original is not None:
                    return original(*args, **kwargs)
                return type(optimizer).step(optimizer, *args, **kwargs)
            finally:
                edges._ended(optimizer)

        @wraps(of_any)
        def step(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as above
            optimizer = alive()
            return None if optimizer is None else of_any(optimizer, *args, **kwargs)

        # A scheduler takes this for the bound method that stood here, and binds it itself.
        step.__func__ = of_any  # type: ignore[attr-defined]  # no function has it
        return step

    def _before_other_hooks(self, optimizer: Optimizer, *_: object) -> None:
        self._inside.leave(optimizer)

    def _before_code(self, optimizer: Optimizer, *_: object) -> None:
        if not self._is_removed:
            self._inside.enter(optimizer)

    def _after_code(self, optimizer: Optimizer, *_: object) -> None:
        self._inside.leave(optimizer)

    def _ended(self, optimizer: Optimizer) -> None:
        self._inside.over(optimizer)
        self.step_ended()
