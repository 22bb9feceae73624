"""Which session watches a model: the one that came last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from weakref import ref

from gradwidget.weak_references import IdentityKey

if TYPE_CHECKING:
    from torch import nn


class Closable(Protocol):
    """What watches a model until it is closed."""

    def close(self) -> None:
        """Watches no longer."""


_attached: dict[IdentityKey[nn.Module], Callable[[], Closable | None]] = {}


def attach(model: nn.Module, session: Closable, *, is_kept: bool) -> None:
    """Puts a session in the place of the one that watched this model before, which is closed.

    Args:
        model: what is watched.
        session: what watches it from now on.
        is_kept: whether it lives as long as the model, since it has to act on findings; otherwise
            it is held weakly.
    """
    previous = _attached.get(IdentityKey(model), lambda: None)()
    if previous is not None:
        previous.close()
    _attached[IdentityKey(model, _forget)] = (lambda: session) if is_kept else ref(session)


def detach(model: nn.Module, session: Closable) -> None:
    """Forgets a session that watches a model no longer."""
    if _attached.get(IdentityKey(model), lambda: None)() is session:
        del _attached[IdentityKey(model)]


def _forget(gone: IdentityKey[nn.Module]) -> None:
    _attached.pop(gone, None)
