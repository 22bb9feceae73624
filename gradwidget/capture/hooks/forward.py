"""Sees layers run, and only in the steps that are sampled."""

from __future__ import annotations

import threading
from typing import Protocol

import torch
from torch import Tensor, nn

from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.hooks.compiling import Compiling
from gradwidget.capture.hooks.finished_outputs import FinishedOutputs
from gradwidget.capture.hooks.foreign_modules import ForeignModules
from gradwidget.capture.hooks.global_hook import Args, GlobalHook, GlobalPreHook, Kwargs
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.nonlinearity import is_nonlinear
from gradwidget.capture.torch_private import function_modes, in_backward, is_compiled


class ForwardListener(Protocol):
    """Who is told of a forward."""

    def thread_has_ended(self) -> bool:
        """Whether the thread that trained has ended, so that another may train from now on."""

    def forward_begins(self) -> None:
        """A forward begins in the step, or, at the latest, its first module has run."""

    def layer_ran(
        self, name: str, module: nn.Module, args: Args, kwargs: Kwargs, output: object
    ) -> None:
        """A layer has run."""

    def model_ran(self, args: Args, kwargs: Kwargs) -> None:
        """The model as a whole has run; not told of one that is itself a layer."""

    def nonlinearity_ran(self, module: nn.Module, args: Args) -> None:
        """A module has run that is no layer and may be an activation function.

        Not told of one that was given a tensor with a graph.
        """


class ForwardHooks:
    """Tells of every layer that has run, and teaches the table the order in which layers run.

    Args:
        model: the model, held weakly.
        table: the layers.
        guard: contains failures, and knows the thread that trains.
    """

    def __init__(self, model: nn.Module, table: LayerTable, guard: Guard) -> None:
        self.guard = guard
        self._table = table
        self.compiling = Compiling(model, guard, self._remove, self._register)
        """Knows whether there may be hooks at all."""
        self.foreign = ForeignModules(model)
        """Collects the modules that run inside the model and are no part of it, where wanted."""
        self._model = id(model)
        self._has_begun = False
        self._saw_layers = False
        self._listener: ForwardListener | None = None
        self.is_listening = False
        """Whether somebody is told."""
        self._before = GlobalPreHook(guard, "noting the order of layers", self._about_to_run)
        self._after = GlobalHook(guard, "seeing a module run", self._has_run)
        self._finished = FinishedOutputs(guard, self._has_returned)
        self._ran: list[int] = []
        self._notes_order = False

    def listen(self, listener: ForwardListener | None) -> None:
        """Tells ``listener`` from now on; None tells nobody.

        Every module call is a little slower while somebody listens.
        """
        self._listener, self.is_listening = listener, listener is not None
        self._register()
        self.compiling.watch(wanted=self._after.is_registered)

    def compiled(self, module: nn.Module | None) -> None:
        """``torch.compile`` was called, for a module or for something else."""
        if module is not None:
            self.compiling.noted(module)
        if self.is_listening:
            self.listen(self._listener)

    def ended(self) -> None:
        """A backward pass begins: what is compiled from now on is not the model."""
        self.compiling.forward_ended(saw_layers=self._saw_layers)
        if self.compiling.forbids_hooks:
            self._remove()

    def step_ended(self) -> None:
        """Gives the table the order seen during the step."""
        self._has_begun = self._saw_layers = False
        self._finished.clear()
        if self._ran:
            self._table.ran(self._ran)
            self._ran = []

    def _remove(self) -> None:
        self._after.remove()
        self._before.remove()
        self._finished.clear()

    def _register(self) -> None:
        if self._listener is None or self.compiling.forbids_hooks:
            self._remove()
            return
        self._after.register()
        self._notes_order = self._table.order_is_stale
        if self._notes_order or self.foreign.is_wanted or self._table.sharded:
            self._before.register()
        else:
            self._before.remove()

    def _about_to_run(self, module: nn.Module, _args: Args) -> None:
        self._note_order(module)

    @entry("noting the order of layers")
    def _note_order(self, module: nn.Module) -> None:
        if is_compiled(module):
            self.compiled(module)
        self._note_begin()
        if self._notes_order and id(module) in self._table.names:
            self._ran.append(id(module))
        if self.foreign.is_wanted:
            self.guard.run("seeing what runs inside", self.foreign.about_to_run, module)
        if self._table.sharded and id(module) in self._table.names:
            self._finished.about_to_run(module)

    def _has_run(self, module: nn.Module, args: Args, kwargs: Kwargs, output: object) -> None:
        # Called for every module of the process: return early for those of other models.
        thread = self.guard.thread  # asked here, as it is asked for every module
        is_elsewhere = thread is not None and thread != threading.get_ident()
        if is_elsewhere and not self._has_moved(module):
            return
        if not self._has_begun:
            self._note_first()
        name = self._table.names.get(id(module))
        if name is not None:
            if not self._finished.is_to_come(module, output):
                self._note_layer(name, module, args, kwargs, output)
            return
        if self.foreign.is_wanted:
            self._note_what_is_inside(module, output)
        if is_nonlinear(module):
            # What was applied to an output with a graph is read from the graph.
            given = args[0] if args else None
            # A mode of the user's would see us ask.
            if function_modes() or not (type(given) is Tensor and given.requires_grad):
                self._note_nonlinearity(module, args)
        elif id(module) == self._model:
            self._note_model(args, kwargs)

    def _has_returned(self, module: nn.Module, args: Args, kwargs: Kwargs, output: object) -> None:
        name = self._table.names.get(id(module))
        if name is not None:
            self._note_layer(name, module, args, kwargs, output)

    def _has_moved(self, module: nn.Module) -> bool:
        """Whether a layer runs here because the thread that trained has ended."""
        is_layer = id(module) in self._table.names
        return is_layer and self._listener is not None and self._listener.thread_has_ended()

    @entry("noting the start of a forward")
    def _note_first(self) -> None:
        self._note_begin()

    def _note_begin(self) -> None:
        if not self._has_begun and self._listener is not None:
            self._has_begun = True
            self._listener.forward_begins()

    @entry("seeing what runs inside")
    def _note_what_is_inside(self, module: nn.Module, output: object) -> None:
        self.foreign.has_run(module, output)

    @entry("reading an activation")
    def _note_layer(
        self, name: str, module: nn.Module, args: Args, kwargs: Kwargs, output: object
    ) -> None:
        self._saw_layers = True
        if self.foreign.is_wanted:
            self.guard.run("seeing what runs inside", self.foreign.has_run, module, output)
        if not self._table.has_run(name):
            self._table.order_is_stale = True
        if self._listener is not None:
            self._listener.layer_ran(name, module, args, kwargs, output)

    @entry("reading the input")
    def _note_model(self, args: Args, kwargs: Kwargs) -> None:
        if self._listener is not None:
            self._listener.model_ran(args, kwargs)

    @entry("finding the activation function of a layer")
    def _note_nonlinearity(self, module: nn.Module, args: Args) -> None:
        if self._listener is not None:
            self._listener.nonlinearity_ran(module, args)


def is_training_forward() -> bool:
    """Whether what runs on this thread is a forward that a backward pass can follow."""
    return torch.is_grad_enabled() and not in_backward()
