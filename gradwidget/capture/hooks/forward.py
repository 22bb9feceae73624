"""Sees layers run, through torch's global module hooks, and only while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.hooks.compiling import Compiling
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.nonlinearity import is_nonlinear
from gradwidget.capture.torch_private import is_compiled, take_off

Args = tuple[object, ...]
Kwargs = Mapping[str, object]


class Forward:
    """Tells of every layer that has run, and teaches the table the order in which layers run.

    Args:
        model: the model, held weakly.
        table: the layers.
        guard: contains failures.
        begin: called when a forward begins in a step, at the latest when its first module has run.
        passed: called with the name of a layer, its module, its inputs and its output.
        between: called with any other module that may be a nonlinearity, and its positional inputs.
    """

    def __init__(
        self,
        model: nn.Module,
        table: LayerTable,
        guard: Guard,
        *,
        begin: Callable[[], None],
        passed: Callable[[str, nn.Module, Args, Kwargs, object], None],
        between: Callable[[nn.Module, Args], None],
    ) -> None:
        self.guard = guard
        self._table = table
        self._begin = begin
        self._passed = passed
        self._between = between
        self.compiling = Compiling(model, guard, self._take_off, self._put_on)
        """Knows whether there may be hooks at all."""
        self.called_once = False
        """Whether the last step that was looked at called the model as a whole, and only once."""
        self._model = id(model)
        self._calls = 0
        self._has_begun = False
        self._saw_layers = False
        self._is_wanted = False
        self._handles: list[RemovableHandle] = []
        self._ran: list[int] = []

    def listen(self, *, wanted: bool) -> None:
        """Puts the hooks on or takes them off; every module call is a little slower while they are
        on.
        """
        if not wanted and not self._is_wanted:
            return
        self._is_wanted = wanted
        self._put_on()
        self.compiling.watch(wanted=bool(self._handles))

    def compiled(self, module: nn.Module | None) -> None:
        """``torch.compile`` was called, for a module or for something else."""
        if module is not None:
            self.compiling.noted(module)
        self.listen(wanted=self._is_wanted)

    def ended(self) -> None:
        """A backward pass begins: what is compiled from now on is not the model."""
        if not self._is_wanted:
            return
        self.compiling.forward_ended(saw_layers=self._saw_layers)
        if self.compiling.forbids_hooks:
            self._take_off()

    def _take_off(self) -> None:
        while self._handles:
            take_off(self._handles.pop())

    def _put_on(self) -> None:
        hooks = (
            1 + self._table.order_is_stale
            if self._is_wanted and not self.compiling.forbids_hooks
            else 0
        )
        if len(self._handles) == hooks:
            return
        self._take_off()
        if hooks:
            self._handles.append(register_module_forward_hook(self._left, with_kwargs=True))
        if hooks > 1:
            self._handles.append(register_module_forward_pre_hook(self._entered))

    def step_ended(self) -> None:
        """Gives the table the order seen during the step."""
        self._has_begun = self._saw_layers = False
        self.called_once, self._calls = self._calls == 1, 0
        if self._ran:
            self._table.ran(self._ran)
            self._ran = []

    @entry("noting the order of layers")
    def _entered(self, module: nn.Module, _inputs: object) -> None:
        if is_compiled(module):
            self.compiled(module)
        self._note_begin()
        if id(module) in self._table.names:
            self._ran.append(id(module))

    @entry("noting the start of a forward")
    def _first_left(self) -> None:
        self._note_begin()

    def _note_begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._begin()

    def _left(self, module: nn.Module, args: Args, kwargs: Kwargs, output: object) -> None:
        if not self._has_begun:
            self._first_left()
        self._calls += id(module) == self._model
        name = self._table.names.get(id(module))
        if name is not None:
            self._seen(name, module, args, kwargs, output)
        elif is_nonlinear(module):
            self._other(module, args)

    @entry("reading an activation")
    def _seen(
        self, name: str, module: nn.Module, args: Args, kwargs: Kwargs, output: object
    ) -> None:
        self._saw_layers = True
        if not self._table.has_run(name):
            self._table.order_is_stale = True
        self._passed(name, module, args, kwargs, output)

    @entry("looking at what follows a layer")
    def _other(self, module: nn.Module, args: Args) -> None:
        self._between(module, args)
