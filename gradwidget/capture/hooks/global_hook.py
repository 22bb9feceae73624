"""A hook on every module call of the process, there only while it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

from gradwidget.capture.guard import Guard, way_in
from gradwidget.capture.torch_private import (
    add_global_hook,
    keywords_of_call,
    remove_global_hook,
)

Args = tuple[Any, ...]
Kwargs = Mapping[str, Any]

_registered: set[_Hook] = set()
"""All of ours that torch calls."""
_held_back: set[_Hook] = set()
"""Those that make way."""


@contextmanager
def none_registered() -> Iterator[None]:
    """All of ours make way; those that are not removed meanwhile come back."""
    hooks = tuple(_registered)
    for hook in hooks:
        hook.remove()
        _held_back.add(hook)
    try:
        yield
    finally:
        for hook in hooks:
            if hook in _held_back:
                hook.register()


class _Hook:
    """One of ours, which torch calls while it is registered."""

    _handle: RemovableHandle | None = None

    @property
    def is_registered(self) -> bool:
        """Whether torch calls it."""
        return self._handle is not None

    def register(self) -> None:
        """Has torch call it; nothing where it does already."""
        if self._handle is None:
            self._handle = self._add()
            _registered.add(self)
            _held_back.discard(self)

    def remove(self) -> None:
        """Has torch call it no longer."""
        _held_back.discard(self)
        handle = self._handle
        if handle is not None:
            remove_global_hook(handle)  # first: an interrupt inside leaves it to be removed later
            _registered.discard(self)
            if self._handle is handle:  # another thread may have registered it again meanwhile
                self._handle = None

    def _add(self) -> RemovableHandle:
        raise NotImplementedError


class GlobalPreHook(_Hook):
    """Calls a function before every module runs.

    Args:
        guard: contains what the function raises.
        where: what the function does, for the record.
        call: is given the module and its positional inputs. What it returns is raised in the
            user's loop; what it raises is not.
    """

    def __init__(
        self, guard: Guard, where: str, call: Callable[[nn.Module, Args], Exception | None]
    ) -> None:
        self.guard = guard
        self.where = where
        self._call = call

    def _add(self) -> RemovableHandle:
        return register_module_forward_pre_hook(self._called)

    def _called(self, module: nn.Module, args: Args) -> None:
        wanted = self._contained(module, args)
        if wanted is not None:
            raise wanted

    @way_in
    def _contained(self, module: nn.Module, args: Args) -> Exception | None:
        return self._call(module, args)


class GlobalHook(_Hook):
    """Calls a function after every module has run.

    Args:
        guard: contains what the function raises.
        where: what the function does, for the record.
        call: is given the module, its positional and keyword inputs, and its output.
    """

    def __init__(
        self,
        guard: Guard,
        where: str,
        call: Callable[[nn.Module, Args, Kwargs, object], None],
    ) -> None:
        self.guard = guard
        self.where = where
        self._call = call

    def _add(self) -> RemovableHandle:
        return add_global_hook(self._called)

    @way_in
    def _called(self, module: nn.Module, args: Args, *rest: Any) -> None:  # noqa: ANN401  # as torch gives it
        # A thread that is in the middle of a call when another removes the hook leaves the
        # keywords out: torch has then forgotten that they were asked for.
        kwargs = rest[0] if len(rest) > 1 else keywords_of_call()
        self._call(module, args, kwargs, rest[-1])
