"""Runs the forward of a step once more, to find where a value that is not finite arose in a step
nobody looked into.

What the model was called with is noted on every such step that is long enough to pay for it: a
    global hook, which
takes itself off as soon as the model is called, costs one call a step. It is held weakly, so that
nothing of the user's lives longer for it.
"""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple
from weakref import ReferenceType, ref

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

from gradwidget.capture.collect.activations import first_tensor
from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.stats.norms import l2, plain
from gradwidget.capture.stats.readback import as_numpy
from gradwidget.capture.torch_private import in_backward, remove_global_hook, version
from gradwidget.frame import NonfiniteOrigin

AT_MOST = 3
"""Replays in a run: each costs a forward."""
NOTING = 4e-5
"""Seconds that it takes to note a call, in the middle of a loop that has filled the caches with
other things."""
MISSES = 10_000
"""Calls of other modules after which a model that is never called itself is waited for no longer.
"""
CONTAINERS = (list, dict, set, deque, OrderedDict)


class NonfiniteReplay:
    """Notes what the model is called with, and calls it so once more when asked.

    Args:
        model: the model, held weakly.
        table: the layers.
        guard: contains failures.
    """

    def __init__(self, model: nn.Module, table: LayerTable, guard: Guard) -> None:
        self.guard = guard
        self._model = ref(model)
        self._table = table
        self._handle: RemovableHandle | None = None
        self._call: tuple[Any, bool, torch.dtype] | None = None
        self._misses = 0
        self._left = AT_MOST

    def listen(self, *, wanted: bool) -> None:
        """A step begins; ``wanted`` where its outputs are not looked at."""
        self._call = None
        wanted = wanted and self._left > 0 and self._misses < MISSES
        if wanted and self._handle is None:
            self._handle = register_module_forward_pre_hook(self._about_to_run)
        elif not wanted:
            self.stop()

    def stop(self) -> None:
        """Takes the hook off."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def origin(self, *, called_once: bool) -> NonfiniteOrigin | None:
        """Where the first value that is not finite arises when the model is called once more; None
        where unknown.

        Args:
            called_once: whether a step is known to call the model only once.
        """
        model, call, self._call = self._model(), self._call, None
        if model is None or call is None or self._left == 0:
            return None
        if _is_distributed() or any(
            isinstance(part, torch.jit.ScriptModule) for part in model.modules()
        ):
            return None  # another process would wait for this one; a script's buffers cannot be stood in for
        self._left -= 1
        held, autocasts, dtype = call
        try:
            args, kwargs = _strongly(held)
        except LookupError:
            return None
        if any(_is_bad(tensor) for tensor in _tensors((args, kwargs))):
            return NonfiniteOrigin("input")
        found: list[str] = []

        def look(module: nn.Module, _inputs: object, output: object) -> None:
            name = self._table.names.get(id(module))
            tensor = first_tensor(output)
            if name is not None and not found and tensor is not None and _is_bad(tensor):
                found.append(name)

        before = torch.get_rng_state()
        with _undone(model), torch.enable_grad(), torch.autocast("cpu", dtype, enabled=autocasts):
            handle = register_module_forward_hook(look)
            try:
                model(*args, **kwargs)
            finally:
                remove_global_hook(handle)
            was_random = not torch.equal(before, torch.get_rng_state())
        if found:
            return NonfiniteOrigin("forward", found[0])
        # Other random numbers, or another call, may have made what this call did not.
        return NonfiniteOrigin("loss") if called_once and not was_random else None

    @entry("noting what the model is called with")
    def _about_to_run(self, module: nn.Module, args: tuple[object, ...]) -> None:
        if module is not self._model():
            self._misses += 1
            return
        if not torch.is_grad_enabled() or in_backward():
            return
        self.stop()
        self._misses = 0
        kwargs = _keywords()
        if kwargs is not None:
            self._call = (
                _weakly((args, kwargs)),
                torch.is_autocast_enabled("cpu"),
                torch.get_autocast_dtype("cpu"),
            )


def _keywords() -> dict[str, Any] | None:
    """The keywords of the module call under way: torch gives them to no global pre-hook."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # see above
    while frame is not None and frame.f_code.co_name != "_call_impl":
        frame = frame.f_back
    found = None if frame is None else frame.f_locals.get("kwargs")
    return found if isinstance(found, dict) else None


class _Weak(NamedTuple):
    """Something held weakly: what it was written to before shows when it is wanted again."""

    held: ReferenceType[Any] | None
    version: int


def _weakly(value: Any) -> Any:  # noqa: ANN401  # whatever a model may be given
    """The same structure without anything that it would keep alive."""
    if isinstance(value, Tensor):
        return _Weak(ref(value), version(value))
    kind = type(value)
    if kind is dict:
        return {name: _weakly(part) for name, part in value.items()}
    if kind in (tuple, list):
        return kind(map(_weakly, value))
    if value is None or isinstance(
        value, (bool, int, float, complex, str, bytes, torch.dtype, torch.device)
    ):
        return value
    return _Weak(
        ref(value) if kind.__weakrefoffset__ else None, 0
    )  # what has no place for it would have to be kept


def _strongly(held: Any) -> Any:  # noqa: ANN401  # see _weakly
    """What was held; raises ``LookupError`` where some of it is gone or no longer the same."""
    if isinstance(held, _Weak):
        value = None if held.held is None else held.held()
        if value is None or (isinstance(value, Tensor) and version(value) != held.version):
            raise LookupError
        return value
    if type(held) is dict:
        return {name: _strongly(part) for name, part in held.items()}
    return type(held)(map(_strongly, held)) if type(held) in (tuple, list) else held


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if value.is_floating_point() or value.is_complex():
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)


def _is_bad(tensor: Tensor) -> bool:
    return tensor.numel() > 0 and not np.isfinite(as_numpy(l2(plain(tensor))))


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


@contextmanager
def _undone(model: nn.Module) -> Iterator[None]:
    """Puts back afterwards what a call may change: random states, buffers, attributes of the
    modules.
    """
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002  # what users draw from
    kept = [(vars(module), dict(vars(module))) for module in model.modules()]
    contents = [
        (one, one.copy()) for _, own in kept for one in own.values() if type(one) in CONTAINERS
    ]
    try:
        for module in model.modules():
            # Copies stand in for the buffers: writing to these would show in their versions.
            for name, buffer in module._buffers.items():  # noqa: SLF001  # the public way registers anew
                module._buffers[name] = None if buffer is None else buffer.clone()  # noqa: SLF001  # see above
        yield
    finally:
        for own, attributes in kept:
            own.clear()
            own.update(attributes)
        for container, content in contents:
            container.clear()
            (container.update if isinstance(container, (dict, set)) else container.extend)(content)
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])  # noqa: NPY002  # see above
