"""The few things of torch that have no public name, each in one place with its reason."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from functools import wraps
from operator import attrgetter
from types import FrameType
from typing import Any, NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler, OptState
from torch.jit import _builtins
from torch.nn.modules import module as torch_module
from torch.optim import Optimizer
from torch.utils._python_dispatch import (
    _disable_current_modes,
    _get_current_dispatch_mode_stack,
    _push_mode,
)
from torch.utils.hooks import RemovableHandle

P = ParamSpec("P")
R = TypeVar("R")


def in_backward() -> bool:
    """Whether this thread is inside a backward pass.

    A forward that runs now is a recomputation (checkpointing).
    """
    return torch._C._current_graph_task_id() != -1  # noqa: SLF001  # nothing public tells a recomputation apart


def is_transformed(tensor: Tensor) -> bool:
    """Whether the tensor is inside a transform of ``torch.func``, where it has no values."""
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # noqa: SLF001  # nothing public tells


def in_transform() -> bool:
    """Whether this thread is inside a transform of ``torch.func``.

    What an operation gives there has no values, whatever it was given.
    """
    return torch._C._functorch.peek_interpreter_stack() is not None  # noqa: SLF001  # nothing public tells


def output_shape(node: Any) -> tuple[int, ...] | None:  # noqa: ANN401  # nodes of the graph have no common type
    """The shape of what a node of the autograd graph has made; None where it is not known."""
    made: list[Any] = getattr(node, "_input_metadata", [])  # nothing public tells
    return tuple(made[0].shape) if len(made) == 1 else None


def is_sharded(tensor: Tensor) -> bool:
    """Whether each process holds only a part of the tensor."""
    # By the name of its class, since importing the class takes long.
    return type(tensor).__name__ == "DTensor" or type(tensor.data).__name__ == "DTensor"


def local_from(tensor: Tensor) -> Any:  # noqa: ANN401  # importing the class takes long
    """How the ``DTensor`` is spread that a local tensor was just taken from.

    None where it was taken from none, and where torch does not note it.
    """
    return getattr(tensor.grad_fn, "dtensor_spec", None)  # nothing public tells


def is_flat_sharded(module: nn.Module) -> bool:
    """Whether ``FullyShardedDataParallel`` keeps parameters of a module in parts of a flat one."""
    is_one = any(kind.__name__ == "FullyShardedDataParallel" for kind in type(module).__mro__)
    strategy = getattr(module, "sharding_strategy", None) if is_one else None
    return is_one and getattr(strategy, "name", "") != "NO_SHARD"


def gathered_parameters(modules: Iterable[nn.Module]) -> dict[tuple[int, str], Any]:
    """What ``fully_shard`` keeps of a parameter, by the ``id`` of its module and its name there."""
    found: dict[tuple[int, str], Any] = {}
    for module in modules:
        state_of = getattr(type(module), "_get_fsdp_state", None)
        if state_of is None:
            continue
        state = state_of(module)
        several = getattr(state, "_fsdp_param_groups", None)  # one alone in earlier versions
        for group in [state._fsdp_param_group] if several is None else several:  # noqa: SLF001  # nothing public tells
            for one in () if group is None else group.fsdp_params:
                place = one._module_info  # noqa: SLF001  # as above
                found[id(place.module), place.param_name] = one
    return found


def unreduced_gradient(gathered: Any) -> Tensor | None:  # noqa: ANN401  # importing the class takes long
    """What passes have added up in this process alone (``set_requires_gradient_sync(False)``).

    Args:
        gathered: of ``gathered_parameters``.
    """
    added: Tensor | None = gathered.unsharded_accumulated_grad
    whole = getattr(gathered, "_unsharded_param", None)
    return whole.grad if added is None and whole is not None else added


class ProcessStore(NamedTuple):
    """How this process can reach the others of the training, and which of them it is."""

    connect: Callable[[], Any]
    """Makes a connection of our own to the store of the process group, on any thread."""
    rank: int
    world: int


def process_store() -> ProcessStore | None:
    """None where this process is the only one of the training."""
    # Where nothing has imported it there is no process group.
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    world = distributed.get_world_size()
    if world < 2:
        return None
    store = distributed.distributed_c10d._get_default_store()  # noqa: SLF001  # nothing public gives it
    # Before 2.8 a store has no connection but its own.
    return ProcessStore(getattr(store, "clone", lambda: store), distributed.get_rank(), world)


def without_subclass(tensor: Tensor) -> Tensor:
    """The tensor itself, of torch's own class: nothing that a subclass does is called."""
    if type(tensor) is Tensor:
        return tensor
    with without_subclasses():
        return tensor.as_subclass(Tensor)


is_tracing = torch._C._get_tracing_state  # noqa: SLF001  # `torch.jit.is_tracing` asks for more
"""Gives something while ``torch.jit.trace`` notes what this thread does; else None."""

dispatch_modes = torch._C._len_torch_dispatch_stack  # noqa: SLF001  # nothing public tells
function_modes = torch._C._len_torch_function_stack  # noqa: SLF001  # as above
"""How many modes of the user's are active on this thread, such as one that counts operations.

Named here and called in ``guard.py`` at every entry."""

without_subclasses = torch._C.DisableTorchFunctionSubclass  # noqa: SLF001  # torch's own subclasses use it
"""A context in which reading a tensor of the user's own class runs no code of theirs."""

with_subclasses = torch._C._EnableTorchFunction  # noqa: SLF001  # nothing public does
"""A context for code of the user's inside of that one: it runs as it would outside."""


def without_modes(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of ``work``, which no mode sees, counts or changes."""
    modes = _get_current_dispatch_mode_stack()
    off, functions = _disable_current_modes(), torch._C.DisableTorchFunction()  # noqa: SLF001  # nothing public does
    try:
        with off, functions:
            return work(*args, **kwargs)
    finally:
        # They are taken off and put back one by one, in a generator: an interrupt in between would
        # leave some off, or have it put them back a second time when it is collected.
        off.gen.close()
        for mode in modes[dispatch_modes() :]:
            _push_mode(mode)
        functions.__exit__(None, None, None)


def unseen(work: Callable[P, R]) -> Callable[P, R]:
    """Makes a function that a user calls do its work where no mode and no class of theirs sees it.

    As an ``entry`` does for what torch calls: but what this one raises is meant for the caller.
    """

    @wraps(work)
    def done(*args: P.args, **kwargs: P.kwargs) -> R:
        plain, had_grad = without_subclasses(), torch.is_grad_enabled()
        try:
            with plain:
                if dispatch_modes() or function_modes():
                    return without_modes(work, *args, **kwargs)
                return work(*args, **kwargs)
        finally:
            put_back(plain, had_grad=had_grad)

    return done


def put_back(plain: AbstractContextManager[object], *, had_grad: bool) -> None:
    """Ends ``without_subclasses`` and leaves gradients on or off as they were.

    For where an interrupt between two lines would leave either off.
    """
    plain.__exit__(None, None, None)
    if torch.is_grad_enabled() is not had_grad:
        torch.set_grad_enabled(had_grad)


version: Callable[[Tensor], int] = attrgetter("_version")
"""How often a tensor was written in place: a sign of change that needs no reading.

The attribute is documented for this use, underscore and all."""


def owner(tensor: Tensor) -> Tensor:
    """The tensor that a view was made of; the tensor itself where it is none."""
    base: Tensor | None = tensor._base  # noqa: SLF001  # nothing public tells
    return tensor if base is None else base


def loss_scale(scaler: GradScaler) -> Tensor | None:
    """The scale as a tensor; ``get_scale()`` would wait for the device."""
    return scaler._scale  # noqa: SLF001  # see above


def unscales_late(scaler: GradScaler, optimizer: object) -> bool:
    """Whether a scaler that is about to step will only then unscale the gradients."""
    if not scaler.is_enabled():
        return False  # it has none of what is asked for then
    state = scaler._per_optimizer_states.get(id(optimizer), {})  # noqa: SLF001  # nothing public tells
    return state.get("stage") is not OptState.UNSCALED


def found_overflow(scaler: GradScaler, optimizer: object) -> bool:
    """Whether a scaler has found an overflow in the gradients of what it was just to step.

    Only where that is no optimizer of torch's, which would tell of its step: reading the answer on
    an accelerator would wait, had the scaler not waited for the same answer a moment ago.
    """
    if not scaler.is_enabled():
        return False
    found = scaler._per_optimizer_states[id(optimizer)].get("found_inf_per_device", {})  # noqa: SLF001  # nothing public tells
    return not getattr(optimizer, "_step_supports_amp_scaling", False) and any(
        float(one) > 0 for one in found.values()
    )


_WANT_KEYWORDS = getattr(torch_module, "_global_forward_hooks_with_kwargs", None)
"""Which global hooks want the keywords of a call; None where torch has that for no global hook, as
2.4 has not."""


def add_global_hook(hook: Callable[..., None]) -> RemovableHandle:
    """Has torch call a hook after every module, with the keywords of the call where it can."""
    wanted = {} if _WANT_KEYWORDS is None else {"with_kwargs": True}
    return torch_module.register_module_forward_hook(hook, **wanted)


def keywords_of_call() -> Mapping[str, Any]:
    """The keywords of the module call that a global hook runs in.

    None of them where torch hands them over to those that want them.
    """
    if _WANT_KEYWORDS is not None:
        return {}
    # Torch has them in a variable then, and nowhere else.
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # what `inspect` has of it is slow
    while frame is not None and frame.f_code.co_filename != torch_module.__file__:
        frame = frame.f_back
    return {} if frame is None else frame.f_locals.get("kwargs", {})


def remove_global_hook(handle: RemovableHandle) -> None:
    """Removes a global module hook, with the note that it wants keywords, which torch leaves."""
    handle.remove()
    if _WANT_KEYWORDS is not None:
        _WANT_KEYWORDS.pop(handle.id, None)  # it would grow forever


def original_of(module: nn.Module) -> nn.Module:
    """The module that ``torch.compile`` was given, where this is what it made of it."""
    # Not by getattr: a module that passes on what it lacks to another has the other's original.
    parts = module._modules  # noqa: SLF001  # see above
    # What scripted modules have in its place is no dict.
    original = parts["_orig_mod"] if "_orig_mod" in parts else None  # noqa: SIM401  # see above
    return module if original is None else original


def is_compiled(module: nn.Module) -> bool:
    """Whether calls of a module run compiled: by ``module.compile()`` or by ``torch.compile``."""
    if getattr(module, "_compiled_call_impl", None) is not None:
        return True
    return "_orig_mod" in module._modules  # noqa: SLF001  # nothing public tells


def has_compiled_wrapper(module: nn.Module) -> bool:
    """Whether ``torch.compile`` has made another module of this one.

    Everything that refers to the module is searched, which takes a while: only where something was
    compiled at all.
    """
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    backends = getattr(compiler, "cached_backends", None)  # one entry from the import on is None
    if compiler is None or (backends is not None and not any(backends.values())):
        return False
    holders = gc.get_referrers(module)
    return any(type(holder) is dict and holder.get("_orig_mod") is module for holder in holders)


def compiler_events() -> Any:  # noqa: ANN401  # torch's own type is not to be imported here: that would load the compiler
    """Where functions can be registered that torch calls around everything that it compiles.

    None where the compiler has not even been imported.
    """
    callbacks = sys.modules.get("torch._dynamo.callback")
    return None if callbacks is None else callbacks.callback_handler


def script_as(replacement: Callable[..., Any], original: Callable[..., Any]) -> Callable[[], None]:
    """Lets TorchScript compile a call of ``replacement`` as it compiles one of ``original``.

    Its compiler knows torch's own functions by identity, from a list of which it makes a table
    when it is first used.

    Returns:
        A function that ends it.
    """
    known = [(replacement, op) for function, op in _builtins._builtin_ops if function is original]  # noqa: SLF001  # see above
    _builtins._builtin_ops += known  # noqa: SLF001  # see above
    if _builtins._builtin_table is not None:  # noqa: SLF001  # see above
        for function, op in known:
            _builtins._register_builtin(function, op)  # noqa: SLF001  # see above

    def stop() -> None:
        known = _builtins._builtin_ops  # noqa: SLF001  # see above
        known[:] = [one for one in known if one[0] is not replacement]
        if _builtins._builtin_table is not None:  # noqa: SLF001  # see above
            _builtins._builtin_table.pop(id(replacement), None)  # noqa: SLF001  # see above

    return stop


def sequence_number(node: Any) -> int:  # noqa: ANN401  # nodes of the graph have no common type
    """The place of an operation among all of its thread, in the order in which they ran."""
    number: int = node._sequence_nr()  # noqa: SLF001  # see above
    return number


def saved_tensors(node: Any) -> Iterator[tuple[str, Tensor]]:  # noqa: ANN401  # see above
    """What an operation has kept for its gradient, by name: ``"self"``, ``"mat1"``, ``"result"``.

    What a hook would have to bring back (checkpointing runs the forward again for it), what was
    written to since, and what a backward pass has freed is left out.
    """
    for name in dir(node):
        if name.startswith(SAVED):
            tensor = saved_tensor(node, name.removeprefix(SAVED))
            if tensor is not None:
                yield name.removeprefix(SAVED), tensor


def hides_saved_tensors(node: Any) -> bool:  # noqa: ANN401  # see above
    """Whether it has kept any that a hook would have to bring back, or torch does not tell."""
    for name in dir(node):
        if name.startswith(SAVED):
            with suppress(RuntimeError):  # freed by a backward pass
                kept = getattr(node, name, None)
                if _may_have_hook(kept):
                    return True
    return False


def _may_have_hook(kept: Any) -> bool:  # noqa: ANN401  # nothing public is its type
    """Whether a hook would have to bring back what is kept; also where torch does not tell."""
    return getattr(kept, "unpack_hook", kept) is not None  # it tells from 2.9 on


SAVED = "_raw_saved_"


def saved_tensor(node: Any, name: str) -> Tensor | None:  # noqa: ANN401  # see above
    """One of those, by its name; None where there is none, or it is left out."""
    with suppress(RuntimeError, AttributeError):
        kept = getattr(node, SAVED + name)
        if not _may_have_hook(kept):
            tensor = getattr(node, f"_saved_{name}")
            return tensor if isinstance(tensor, Tensor) else None
    return None


def signed(number: int) -> int:
    """A number of a node of the graph, which torch keeps unsigned."""
    return number - 2**64 if number >= 2**63 else number


def saved_indices(node: Any) -> list[Tensor | None]:  # noqa: ANN401  # see above
    """The indices that an operation has kept, None for each dimension that it takes all of.

    None at all where a hook would have to bring them back.
    """
    kept = getattr(node, SAVED + "indices", ())
    with suppress(RuntimeError):  # freed by a backward pass, or not kept in one of them
        if not any(_may_have_hook(one) for one in kept):
            return list(node._saved_indices)  # noqa: SLF001  # see above
    return []


def order_step_hooks(
    optimizer: Optimizer,
    before_hooks: RemovableHandle,
    before_code: RemovableHandle,
    after_code: RemovableHandle,
) -> None:
    """Moves hooks of an optimizer's step before all others, and next to its own code."""
    before = optimizer._optimizer_step_pre_hooks  # noqa: SLF001  # torch has no `prepend` for these
    after = optimizer._optimizer_step_post_hooks  # noqa: SLF001  # as above
    before.move_to_end(before_hooks.id, last=False)  # type: ignore[attr-defined]  # typed as a dict, they are ordered ones
    before.move_to_end(before_code.id)  # type: ignore[attr-defined]  # as above
    after.move_to_end(after_code.id, last=False)  # type: ignore[attr-defined]  # as above
