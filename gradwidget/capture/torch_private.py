"""The few things of torch that have no public name, each in one place with its reason."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.modules import module as torch_module
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle


def in_backward() -> bool:
    """Whether this thread is inside a backward pass: a forward that runs now is a recomputation
    (checkpointing).
    """
    return torch._C._current_graph_task_id() != -1  # noqa: SLF001  # nothing public tells a recomputation apart


def is_transformed(tensor: Tensor) -> bool:
    """Whether the tensor stands for others inside a transform of ``torch.func``, so that it has no
    values to read.
    """
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # noqa: SLF001  # nothing public tells


def is_sharded(tensor: Tensor) -> bool:
    """Whether each process holds only a part of the tensor (by its name: importing the class takes
    long).
    """
    return type(tensor).__name__ == "DTensor" or type(tensor.data).__name__ == "DTensor"


def version(tensor: Tensor) -> int:
    """How often the tensor was written in place: the only sign of a change that costs no reading."""
    return tensor._version  # noqa: SLF001  # documented for this use, underscore and all


def loss_scale(scaler: GradScaler) -> Tensor | None:
    """The scale as a tensor; ``get_scale()`` would wait for the device."""
    return scaler._scale  # noqa: SLF001  # see above


def take_off(handle: RemovableHandle) -> None:
    """Removes a global module hook altogether: torch's own ``remove`` forgets the note that it
    wanted keywords.
    """
    handle.remove()
    torch_module._global_forward_hooks_with_kwargs.pop(handle.id, None)  # noqa: SLF001  # it would grow for ever


def is_compiled(module: nn.Module) -> bool:
    """Whether calls of a module run compiled: by ``module.compile()``, or because ``torch.compile``
    has made it.
    """
    return (
        getattr(module, "_compiled_call_impl", None) is not None or "_orig_mod" in module._modules
    )  # nothing public tells


def has_compiled_wrapper(module: nn.Module) -> bool:
    """Whether ``torch.compile`` has made another module of this one; looks through everything that
    refers to it.
    """
    holders = gc.get_referrers(module) if "torch._dynamo" in sys.modules else []
    return any(type(holder) is dict and holder.get("_orig_mod") is module for holder in holders)


def on_compiling(
    begins: Callable[..., None], ended: Callable[..., None]
) -> Callable[[], None] | None:
    """Has functions called around everything that torch compiles.

    Returns:
        A function that ends it; None where the compiler has not even been imported.
    """
    callbacks = sys.modules.get("torch._dynamo.callback")
    if callbacks is None:
        return None
    handler = callbacks.callback_handler
    handler.register_start_callback(begins)
    handler.register_end_callback(ended)

    def stop() -> None:
        handler.remove_start_callback(begins)
        handler.remove_end_callback(ended)

    return stop


def order_step_hooks(
    optimizer: Optimizer,
    before_hooks: RemovableHandle,
    before_code: RemovableHandle,
    after_code: RemovableHandle,
) -> None:
    """Moves hooks of an optimizer's step before all others, and next to its own code."""
    before = optimizer._optimizer_step_pre_hooks  # noqa: SLF001  # torch has no `prepend` for these
    after = optimizer._optimizer_step_post_hooks  # noqa: SLF001  # as above
    before.move_to_end(before_hooks.id, last=False)  # type: ignore[attr-defined]
    before.move_to_end(before_code.id)  # type: ignore[attr-defined]
    after.move_to_end(after_code.id, last=False)  # type: ignore[attr-defined]
