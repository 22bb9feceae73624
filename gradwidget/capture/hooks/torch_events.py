"""The places in torch where gradwidget listens: one shared set for all captures of the process.

Nothing is registered on a user's model, optimizer or tensor. While a capture is attached,
``torch.autograd.backward`` and ``grad``, ``torch.compile``, ``torch.export.export`` and the
``scale`` and ``step`` of ``GradScaler`` are wrapped, and torch's global optimizer hooks are
registered. The last one to leave removes it all.
"""

# ruff: noqa: ANN401  # wrappers pass on whatever torch's own functions are given
from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from gradwidget.capture.guard import Guard
from gradwidget.capture.hooks.global_hook import none_registered
from gradwidget.capture.torch_private import script_as


class Listener(Protocol):
    """What a capture is told. None of these may raise."""

    guard: Guard
    """Keeps what fails on the way to it."""

    def backward_begins(self, roots: Sequence[Tensor]) -> None:
        """An outermost backward pass is about to run."""

    def recomputed(self, roots: Sequence[Tensor]) -> None:
        """Inside of it, one through a recomputed part (reentrant checkpointing) is about to run."""

    def backward_ended(self, roots: Sequence[Tensor], weights: Sequence[Tensor] | None) -> None:
        """It has run.

        ``weights`` are the gradients that were given for the roots; None where none were. Roots
        are losses where these are numbers.
        """

    def backward_failed(self) -> None:
        """It raised, or was interrupted."""

    def taking_begins(
        self, roots: Sequence[Tensor], inputs: Sequence[Tensor], *, differentiable: bool
    ) -> None:
        """``torch.autograd.grad`` is about to run.

        It makes a graph of its own where ``differentiable``.
        """

    def taking_ended(
        self,
        roots: Sequence[Tensor],
        inputs: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        *,
        weighted: bool,
    ) -> None:
        """It has given these gradients of the inputs."""

    def step_begins(self, optimizer: Optimizer, *, with_closure: bool) -> None:
        """An optimizer is about to step."""

    def step_ended(self, optimizer: Optimizer, *, with_closure: bool) -> None:
        """It has stepped."""

    def compiled(self, module: nn.Module | None) -> None:
        """``torch.compile`` was called, for a module or for something else."""

    def loss_scaled(
        self, losses: Sequence[Tensor], scaled: Sequence[Tensor], scaler: GradScaler
    ) -> None:
        """A gradient scaler has made ``scaled`` of ``losses``."""

    def scaler_step_begins(self, optimizer: Optimizer, scaler: GradScaler) -> None:
        """A gradient scaler is about to step an optimizer, or to skip the step."""

    def scaler_step_ended(self, optimizer: Optimizer, scaler: GradScaler) -> None:
        """It has done so.

        The optimizer may be a stand-in: whatever has ``param_groups`` and a ``step``.
        """


class _Shared:
    """Who listens, in this process."""

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.handles: list[RemovableHandle] = []
        # The end of a forgotten capture may come in the middle of an attach.
        self.lock = threading.RLock()


_shared = _Shared()


class _Inside(threading.local):
    backward = False

    def __init__(self) -> None:
        self.wrappers: set[Callable[..., Any]] = set()
        """Those of our wrappers that this thread is in, which do not nest in themselves."""


_inside = _Inside()


def attach(listener: Listener) -> None:
    """Tells ``listener`` of everything from now on."""
    with _shared.lock:
        if not _shared.listeners:
            _shared.handles.append(register_optimizer_step_pre_hook(_step_begins))
            _shared.handles.append(register_optimizer_step_post_hook(_step_ended))
        for wrapped in _wrapped:
            wrapped.wrap()
        _shared.listeners = (*_shared.listeners, listener)


def detach(listener: Listener) -> None:
    """Tells it nothing more; with the last listener every hook and wrapper goes."""
    with _shared.lock:
        _shared.listeners = tuple(known for known in _shared.listeners if known is not listener)
        if not _shared.listeners:
            while _shared.handles:
                _shared.handles.pop().remove()
            for wrapped in _wrapped:
                wrapped.unwrap()


class _Wrapped:
    """A function of torch that is wrapped while there are listeners."""

    def __init__(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        self._owner, self._name, self._wrapper = owner, name, wrapper
        self._original: Any = None
        self._ours: Any = None
        self._end_scripting: Callable[[], None] = lambda: None

    def wrap(self) -> None:
        current = getattr(self._owner, self._name)
        if current is self._ours:
            return
        wrapper = self._wrapper

        @functools.wraps(current)
        def ours(*args: Any, **kwargs: Any) -> Any:
            return (
                wrapper(current, *args, **kwargs) if _shared.listeners else current(*args, **kwargs)
            )

        self._original, self._ours = current, ours
        self._end_scripting = script_as(ours, current)
        setattr(self._owner, self._name, ours)

    def unwrap(self) -> None:
        # Somebody may have wrapped ours in the meantime: pulling it out from under them would undo
        # their work, so it stays, and passes everything through.
        if self._ours is not None and getattr(self._owner, self._name) is self._ours:
            setattr(self._owner, self._name, self._original)
            self._end_scripting()
            self._original = self._ours = None


Event = Literal[
    "backward_begins",
    "recomputed",
    "backward_ended",
    "backward_failed",
    "taking_begins",
    "taking_ended",
    "step_begins",
    "step_ended",
    "compiled",
    "loss_scaled",
    "scaler_step_begins",
    "scaler_step_ended",
]
"""Each is a method of ``Listener``."""


def _tell(event: Event, *given: object, **named: object) -> None:
    """Tells every listener.

    What fails on the way does not reach the user's loop, and is kept as a problem.
    """
    for listener in _shared.listeners:
        try:
            getattr(listener, event)(*given, **named)
        except Exception:  # noqa: BLE001, PERF203  # see above; one listener's failure is not the others'
            listener.guard.failed("listening to torch")


def _backward(
    original: Callable[..., None],
    tensors: Any,
    grad_tensors: Any = None,
    *args: Any,
    **kwargs: Any,
) -> None:
    roots = _tensors(tensors)
    if _inside.backward:  # reentrant checkpointing, or our own wrapper met twice
        _tell("recomputed", roots)
        return original(tensors, grad_tensors, *args, **kwargs)
    _inside.backward = True
    try:
        _tell("backward_begins", roots)
        original(tensors, grad_tensors, *args, **kwargs)
    except BaseException:
        _tell("backward_failed")
        raise
    finally:
        _inside.backward = False
    _tell("backward_ended", roots, None if grad_tensors is None else _tensors(grad_tensors))
    return None


def _grad(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if torch.compiler.is_compiling() or _inside.backward:
        return original(*args, **kwargs)
    outputs, inputs = _argument(args, kwargs, 0, "outputs"), _argument(args, kwargs, 1, "inputs")
    weighted = _argument(args, kwargs, 2, "grad_outputs") is not None
    graph = bool(_argument(args, kwargs, 4, "create_graph"))
    _inside.backward = True
    try:
        _tell("taking_begins", _tensors(outputs), _tensors(inputs), differentiable=graph)
        found = original(*args, **kwargs)
    except BaseException:
        _tell("backward_failed")
        raise
    finally:
        _inside.backward = False
    _tell("taking_ended", _tensors(outputs), _tensors(inputs), found, weighted=weighted)
    return found


def _told_once(wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """Where somebody has wrapped ours and was then wrapped in turn, the outer one alone tells."""

    @functools.wraps(wrapper)
    def once(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if wrapper in _inside.wrappers:
            return original(*args, **kwargs)
        _inside.wrappers.add(wrapper)
        try:
            return wrapper(original, *args, **kwargs)
        finally:
            _inside.wrappers.discard(wrapper)

    return once


@_told_once
def _compile(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    result = original(*args, **kwargs)
    given = _argument(args, kwargs, 0, "model")
    part = given if isinstance(given, nn.Module) else getattr(given, "__self__", None)
    _tell("compiled", part if isinstance(part, nn.Module) else None)
    return result


def _export(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    # Where the compiler traces what is exported, it refuses as soon as there is any global hook.
    with none_registered():
        return original(*args, **kwargs)


@_told_once
def _scale(original: Callable[..., Any], scaler: GradScaler, outputs: Any) -> Any:
    scaled = original(scaler, outputs)
    _tell("loss_scaled", _tensors(outputs), _tensors(scaled), scaler)
    return scaled


@_told_once
def _scaler_step(
    original: Callable[..., Any],
    scaler: GradScaler,
    optimizer: Optimizer,
    *args: Any,
    **kwargs: Any,
) -> Any:
    _tell("scaler_step_begins", optimizer, scaler)
    result = original(scaler, optimizer, *args, **kwargs)
    _tell("scaler_step_ended", optimizer, scaler)
    return result


def _step_begins(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[Any, Any]) -> None:
    _tell("step_begins", optimizer, with_closure=_has_closure(args, kwargs))


def _step_ended(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[Any, Any]) -> None:
    _tell("step_ended", optimizer, with_closure=_has_closure(args, kwargs))


def _has_closure(args: tuple[Any, ...], kwargs: dict[Any, Any]) -> bool:
    # torch passes the optimizer itself as the first of args
    return (len(args) > 1 and args[1] is not None) or kwargs.get("closure") is not None


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _tensors(given: Any) -> tuple[Tensor, ...]:
    # By type(), since asking an object for its class may run its code.
    kind = type(given)
    if issubclass(kind, Tensor):
        return (given,)
    # other things than tensors (gradient edges) can be roots too; they are no losses
    if issubclass(kind, (list, tuple)):
        return tuple(one for one in given if issubclass(type(one), Tensor))
    return ()


_wrapped = (
    _Wrapped(torch.autograd, "backward", _backward),
    _Wrapped(torch.autograd, "grad", _grad),
    _Wrapped(torch, "compile", _compile),
    _Wrapped(torch.export, "export", _export),
    _Wrapped(GradScaler, "scale", _scale),
    _Wrapped(GradScaler, "step", _scaler_step),
)
