"""Which layers are watched, as a user has said it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase

from torch import nn

from gradwidget.capture.model.weight_rows import full_name, is_divisible
from gradwidget.capture.torch_private import with_subclasses

LayerFilter = str | Sequence[str] | Callable[[str, nn.Module], bool] | None


def selected(
    select: LayerFilter, name: str, module: nn.Module, parameters: Collection[str]
) -> Collection[str] | None:
    """Which of a module's own parameters are watched.

    Args:
        select: as for ``GradMonitor``.
        name: of the module.
        module: the module.
        parameters: local names of its own parameters.

    Returns:
        None for the module as a whole; otherwise those that a glob names by themselves, which no
        layer of torch's has, and of which each is a row.

    Example:
        >>> held, own = nn.ParameterList(), ["0", "1", "2"]
        >>> selected("W", "W", held, own), selected("W.[12]", "W", held, own)
        (None, ['1', '2'])
    """
    if select is None:
        return None
    if callable(select):
        with with_subclasses():  # it is the user's code
            return None if select(name, module) else ()
    globs = (select,) if isinstance(select, str) else select
    if _matches(name, globs):
        return None
    # Of what is parametrized, the parameters are those of another module.
    if not is_divisible(module) or any("." in local for local in parameters):
        return ()
    return [local for local in parameters if _matches(full_name(name, local), globs)]


def _matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
