"""Modules that run inside the model and are no part of it, as those kept in a Python list."""

from __future__ import annotations

from weakref import ref

import torch
from torch import nn

from gradwidget.capture.hooks.returned_by import ReturnedBy
from gradwidget.capture.torch_private import in_backward


class ForeignModules:
    """Collects them while it is told of every module that begins to run and has run.

    Inside is what runs while the model, or any part of it, does: a loop may call the parts alone.

    Args:
        model: the model, held weakly.
    """

    def __init__(self, model: nn.Module) -> None:
        self.is_wanted = False
        """Whether they are to be collected in the step under way."""
        self.found: dict[int, nn.Module] = {}
        """By their ``id``; until the next step begins."""
        self.returned_by = ReturnedBy(model)
        """Knows which module of the model has made what."""
        self._model = ref(model)
        self._own: set[int] = set()
        self._depth = 0

    def begin(self, *, wanted: bool) -> None:
        """A step begins; what the one before has found is released."""
        self.is_wanted = wanted
        self.found, self._own, self._depth = {}, set(), 0
        self.returned_by.begin()

    def about_to_run(self, module: nn.Module) -> None:
        """A module of the process is about to run."""
        model = self._model()
        if not self._own and model is not None:
            self._own = {id(one) for one in model.modules()}
        self._depth += id(module) in self._own

    def has_run(self, module: nn.Module, output: object) -> None:
        """It has run. Only what a backward pass can follow is of interest."""
        if id(module) in self._own:
            self._depth = max(0, self._depth - 1)
            self.returned_by.has_run(module, output)
        elif self._depth and torch.is_grad_enabled() and not in_backward():
            self.found[id(module)] = module
