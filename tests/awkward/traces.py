"""Everything by which something can hang on to a model, an optimizer or torch itself."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch._dynamo.callback
import torch.nn.modules.module as torch_module
import torch.optim.optimizer as torch_optimizer
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from tests.awkward.loop import Loop


def traces(loop: Loop) -> dict[str, object]:
    """What hangs where, by a name for the place; the same before and after: nothing was left."""
    return {**dict(on_torch()), **dict(on_modules(loop)), **dict(on_optimizers(loop))}


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
    yield "saved tensors", torch._C._autograd._top_saved_tensors_default_hooks(True)  # noqa: FBT003  # its only argument
    yield (
        "modes",
        torch.overrides._len_torch_function_stack()
        if hasattr(torch.overrides, "_len_torch_function_stack")
        else 0,
    )


def on_modules(loop: Loop) -> Iterator[tuple[str, object]]:
    """Hooks and attributes of modules and parameters."""
    for name, module in loop.model.named_modules():
        for attribute, value in vars(module).items():
            yield (
                f"{name}.{attribute}",
                len(value) if "hooks" in attribute and isinstance(value, dict) else "there",
            )
        yield f"{name} class", type(module).__qualname__
    for name, parameter in loop.model.named_parameters():
        yield f"{name} hooks", len(parameter._backward_hooks or ())
        yield (
            f"{name} accumulated hooks",
            len(getattr(parameter, "_post_accumulate_grad_hooks", None) or ()),
        )
        yield (
            f"{name} attributes",
            sorted(
                # the compiler's own marks depend on how often it has compiled
                attribute
                for attribute in vars(parameter)
                if attribute != "_post_accumulate_grad_hooks"
                and not attribute.startswith("_dynamo")
            ),
        )


def on_optimizers(loop: Loop) -> Iterator[tuple[str, object]]:
    """Hooks and attributes of optimizers."""
    for name, value in vars(loop).items():
        if isinstance(value, Optimizer):
            for attribute, held in vars(value).items():
                yield f"{name}.{attribute}", len(held) if "hooks" in attribute else "there"
