"""A method held weakly, for what must not keep its owner alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakMethod

P = ParamSpec("P")
R = TypeVar("R")


def weakly(method: Callable[P, R]) -> Callable[P, R | None]:
    """Calls a bound method as long as its object lives; gives None after that.

    Example:
        >>> class Owner:
        ...     def name(self) -> str:
        ...         return "owner"
        >>> owner = Owner()
        >>> name = weakly(owner.name)
        >>> alive = name()
        >>> del owner
        >>> alive, name()
        ('owner', None)
    """
    held = WeakMethod(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        alive = held()
        return None if alive is None else alive(*args, **kwargs)

    return call
