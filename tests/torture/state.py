"""Everything that training leaves behind, bit for bit, as plain data."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

if TYPE_CHECKING:
    from tests.torture.run import Run

State = dict[str, str]
"""A short text by the name of the place; equal texts, equal bits."""

INSIDE = frozenset(vars(nn.Module())) - {"training"}
"""What torch itself keeps in a module."""
DEEPEST = 6


def state_of(run: Run) -> State:
    """The state of a run: of its model, its optimizers, and every random generator."""
    state = dict(_random())
    for name, module in run.model.named_modules():
        state |= _module(f"model.{name}".rstrip("."), module)
    for number, optimizer in enumerate(run.optimizers):
        state |= _optimizer(f"optimizer {number}", optimizer)
    for name, value in run.kept.items():
        state |= _anything(name, value)
    return state


def _random() -> Iterator[tuple[str, str]]:
    yield "torch's random state", text(torch.get_rng_state())
    yield "numpy's random state", text(np.random.get_state(legacy=True))  # noqa: NPY002  # what users draw from
    yield "random's state", text(random.getstate())


def _module(where: str, module: nn.Module) -> Iterator[tuple[str, str]]:
    for name, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
        yield f"{where}.{name}", text(parameter)
        yield f"{where}.{name}.grad", text(parameter.grad)
    for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False):
        yield f"{where}.{name}", text(buffer)
    for name, value in vars(module).items():
        if name in INSIDE:
            if "hooks" in name and isinstance(value, Mapping):
                yield f"{where}.{name}", str(len(value))
        else:
            yield from _anything(f"{where}.{name}", value)


def _optimizer(where: str, optimizer: Optimizer) -> Iterator[tuple[str, str]]:
    yield from _anything(f"{where}.state", optimizer.state_dict()["state"])
    for number, group in enumerate(optimizer.param_groups):
        plain = {name: value for name, value in group.items() if name != "params"}
        yield from _anything(f"{where}.group {number}", plain)


def _anything(where: str, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > DEEPEST or isinstance(value, (FunctionType, MethodType, ModuleType, nn.Module)):
        return
    if isinstance(value, Mapping):
        yield f"{where} size", str(len(value))
        for key, one in value.items():
            yield from _anything(f"{where}.{key}", one, depth + 1)
    elif isinstance(value, (list, tuple)):
        yield f"{where} size", str(len(value))
        for number, one in enumerate(value):
            yield from _anything(f"{where}.{number}", one, depth + 1)
    elif isinstance(value, np.random.Generator):
        yield where, text(value.bit_generator.state)
    elif isinstance(value, random.Random):
        yield where, text(value.getstate())
    else:
        yield where, text(value)


def text(value: Any) -> str:
    """A short text that tells a value from every other."""
    if isinstance(value, Tensor):
        return _tensor(value.detach())
    if isinstance(value, Generator):
        return text(value.get_state())
    if isinstance(value, np.ndarray):
        return _digest(value.tobytes())
    if isinstance(value, float):
        return value.hex()
    written = re.sub(r"0x[0-9a-f]+", "0x…", repr(value))
    return written if len(written) < 80 else f"{written[:60]}… {_digest(written.encode())}"


def _tensor(value: Tensor) -> str:
    if value.device.type == "meta":
        return f"meta {tuple(value.shape)}"
    if value.is_nested:
        return text([_tensor(one) for one in value.unbind()])
    dense = value if value.layout is torch.strided else value.to_dense()
    dense = dense.resolve_conj().resolve_neg().contiguous()
    if dense.numel() == 1 and dense.is_floating_point():
        return float(dense).hex()
    bits = dense.reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b""
    return f"{dense.dtype} {tuple(dense.shape)} {_digest(bits)}"


def _digest(bits: bytes) -> str:
    return hashlib.blake2b(bits, digest_size=6).hexdigest()
