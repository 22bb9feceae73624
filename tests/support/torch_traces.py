"""Everything by which something can hang on to torch itself."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch._dynamo.callback
import torch.nn.modules.module as torch_module
import torch.optim.optimizer as torch_optimizer
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer


def on_torch() -> Iterator[tuple[str, object]]:
    """Global hooks and the functions that one could wrap."""
    for module in (torch_module, torch_optimizer):
        for name, value in vars(module).items():
            if name.startswith("_global_") and isinstance(value, dict):
                yield f"{module.__name__}.{name}", len(value)
    yield "Tensor.backward", torch.Tensor.backward
    yield "autograd.backward", torch.autograd.backward
    yield "autograd.grad", torch.autograd.grad
    yield "compile", torch.compile
    yield "export", torch.export.export
    callbacks = torch._dynamo.callback.callback_handler
    yield "compiler", (len(callbacks.start_callbacks), len(callbacks.end_callbacks))
    yield (
        "GradScaler",
        tuple(getattr(GradScaler, name) for name in ("scale", "step", "unscale_", "update")),
    )
    yield (
        "Module",
        (torch.nn.Module.__call__, torch.nn.Module.__setattr__, torch.nn.Module.__getattr__),
    )
    yield "Optimizer", (Optimizer.__init__, Optimizer.__setattr__, Optimizer.zero_grad)
    # Torch tells from 2.5 on.
    if hasattr(torch._C._autograd, "_top_saved_tensors_default_hooks"):
        yield "saved tensors", torch._C._autograd._top_saved_tensors_default_hooks(True)  # noqa: FBT003  # its only argument
    yield (
        "modes",
        torch.overrides._len_torch_function_stack()
        if hasattr(torch.overrides, "_len_torch_function_stack")
        else 0,
    )
