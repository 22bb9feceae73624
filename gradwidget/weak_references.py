"""What is held weakly, since it must not be kept alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakMethod, ref

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


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


class IdentityKey(ref[T]):
    """A weak reference as a key: equal to others of the same object, whatever that is equal to.

    Example:
        >>> class Alike:
        ...     def __eq__(self, other: object) -> bool:
        ...         return True
        >>> one, other = Alike(), Alike()
        >>> IdentityKey(one) == IdentityKey(one), IdentityKey(one) == IdentityKey(other)
        (True, False)
    """

    __slots__ = ("_id",)

    def __init__(self, held: T, gone: Callable[[IdentityKey[T]], object] | None = None) -> None:
        super().__init__(held, gone)  # type: ignore[call-arg]  # typeshed knows __new__ alone
        self._id = id(held)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IdentityKey) or self._id != other._id:
            return False
        # An identity may have been that of an object which is gone.
        return self is other or self() is other()

    def __hash__(self) -> int:
        return self._id
