"""Outputs that are sums over processes when a layer has run, once its own hooks have added them up.

Torch calls a hook on every module before the hooks of the module itself, and in one of these the
output of a layer that tensor parallel divides by its inputs is added up. So for the one call a hook
of ours is the last of the module's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from gradwidget.capture.guard import Guard, way_in
from gradwidget.capture.model.local_part import is_partial, is_whole
from gradwidget.capture.torch_private import is_sharded

Take = Callable[[nn.Module, tuple[Any, ...], dict[str, Any], object], None]


class FinishedOutputs:
    """Hands on what a layer returns in the end, where that is more than it has given by itself.

    Args:
        guard: contains failures.
        take: is given the layer, its positional and keyword inputs, and what it returns.
    """

    where = "seeing what a layer returns"

    def __init__(self, guard: Guard, take: Take) -> None:
        self.guard = guard
        self._take = take
        self._handles: dict[int, RemovableHandle] = {}
        """By the ``id`` of the module that is running."""
        self._sums: set[int] = set()
        """The modules that have given one, and have not returned."""

    def about_to_run(self, module: nn.Module) -> None:
        """A layer is about to run."""
        if not is_whole(module):
            self._remove(module)  # where its last call has failed
            handle = module.register_forward_hook(self._returned, with_kwargs=True)
            self._handles[id(module)] = handle

    def is_to_come(self, module: nn.Module, output: object) -> bool:
        """Whether what a layer has given is a sum, of which it is told again."""
        if id(module) not in self._handles:
            return False
        is_sum = isinstance(output, Tensor) and is_sharded(output) and is_partial(output)
        if is_sum:
            self._sums.add(id(module))
        return is_sum

    def clear(self) -> None:
        """The step is over."""
        for handle in self._handles.values():
            handle.remove()
        self._handles, self._sums = {}, set()

    @way_in
    def _returned(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object
    ) -> None:
        self._remove(module)
        if id(module) in self._sums:
            self._sums.discard(id(module))
            self._take(module, args, kwargs, output)

    def _remove(self, module: nn.Module) -> None:
        handle = self._handles.pop(id(module), None)
        if handle is not None:
            handle.remove()
