"""Everything by which something can hang on to a model or an optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from torch.optim import Optimizer

from tests.awkward.loop import Loop
from tests.support.torch_traces import on_torch


def traces(loop: Loop) -> dict[str, object]:
    """What hangs where, by a name for the place; the same before and after: nothing was left."""
    return {**dict(on_torch()), **dict(on_modules(loop)), **dict(on_optimizers(loop))}


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
