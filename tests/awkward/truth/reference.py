"""The truth: every statistic computed slowly, in float64, from inside the loop.

Nothing that capture uses is used here.

Outputs are taken where ``nn.Module.__call__`` returns them and keep their own gradients; gradients
and weights are read a parameter at a time at the moments that the loop itself announces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from tests.awkward.loop import Loop
from tests.awkward.truth.statistics import (
    of_activations,
    of_gradients,
    of_output_gradients,
    of_weights,
    rows,
)

Entries = NDArray[Any]
PARAMETRIZATIONS = ".parametrizations"


@dataclass
class Truth:
    """What one step really was."""

    layers: dict[str, dict[str, float]]
    """Statistics by layer and metric: every layer that the step trained."""
    others: dict[str, dict[str, float]]
    """The same of layers that it did not train: right where they are measured, but nobody has to.
    """
    scalars: dict[str, float]
    skipped: bool


@dataclass
class Output:
    """One call of a layer."""

    tensor: Tensor
    activations: Entries
    """Values after the nonlinearity, as rows of units."""
    evaluation: int


@dataclass
class Change:
    """One parameter about to change."""

    gradient: Entries | None
    weight: Entries
    scale: float


@dataclass
class Reference:
    """Listens to a loop and collects the truth of each step.

    Use it as a context manager around the run.
    """

    loop: Loop
    truths: list[Truth] = field(default_factory=list)
    outputs: dict[str, list[Output]] = field(default_factory=dict)
    changes: dict[nn.Parameter, Change] = field(default_factory=dict)
    raws: dict[nn.Parameter, Entries] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    stepping: set[nn.Parameter] = field(default_factory=set)
    """What the optimizers hold that are part of the step under way."""
    optimized: set[nn.Parameter] = field(default_factory=set)
    """What optimizers hold that have stepped."""
    losses: list[float] = field(default_factory=list)
    scale: float = 1.0
    evaluation: int = 0
    in_backward: bool = False
    stepped: bool = False

    def __enter__(self) -> Reference:
        self._call: Callable[..., Any] = nn.Module.__call__
        call, reference = self._call, self

        def watched(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = call(module, *args, **kwargs)
            name = next(
                (name for name, known in reference.loop.model.named_modules() if known is module),
                None,
            )
            if name is None or reference.in_backward or name not in reference.own_parameters():
                return result
            reference.note_run(name)
            if not torch.is_grad_enabled():
                return result
            return apart(result, lambda tensor: reference.keep(name, module, tensor))[0]

        nn.Module.__call__ = watched  # type: ignore[method-assign]  # the one place that sees every call
        return self

    def __exit__(self, *_: object) -> None:
        nn.Module.__call__ = self._call  # type: ignore[method-assign]  # as it was

    def own_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the layer that they count for, "" for the model itself."""
        found: dict[str, list[nn.Parameter]] = {}
        if self.loop.rows:
            every = dict(self.loop.model.named_parameters())
            return {name: [every[one] for one in own] for name, own in self.loop.rows.items()}
        for name, module in self.loop.model.named_modules():
            own = list(module.parameters(recurse=False))
            if own:
                found.setdefault(f".{name}".split(PARAMETRIZATIONS)[0].lstrip("."), []).extend(own)
        return found

    def note_run(self, name: str) -> None:
        """Notes that a layer was called; the first call after a step begins the next."""
        if self.stepped:
            self.stepped, self.outputs, self.ran = False, {}, set()
        self.ran.add(name)

    def keep(self, name: str, module: nn.Module, tensor: Tensor) -> Tensor:
        """Keeps what a layer returned; the model goes on with a copy, so that it stays so."""
        if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
            return tensor
        if tensor.requires_grad:
            tensor.retain_grad()
        kind = self.loop.follows.get(name)
        self.outputs.setdefault(name, []).append(
            Output(tensor, rows(module, tensor, kind), self.evaluation)
        )
        return tensor.clone()

    def loss(self, loss: Tensor, scale: float = 1.0) -> None:
        """Notes the loss; from now to ``raw`` modules run only to be recomputed."""
        self.losses.append(float(loss.detach()))
        self.scale = scale
        self.in_backward = True

    def raw(self, scale: float = 1.0) -> None:
        """Notes every gradient as the backward left it."""
        self.in_backward = False
        self.evaluation += 1
        self.raws = {
            parameter: entries(parameter.grad) / scale
            for parameter in self.loop.model.parameters()
            if parameter.grad is not None
        }

    def before(self, stepping: Optimizer | Iterable[nn.Parameter], scale: float = 1.0) -> None:
        """Notes gradients and weights of what is about to change."""
        if isinstance(stepping, Optimizer):
            stepping = [
                parameter for group in stepping.param_groups for parameter in group["params"]
            ]
            self.stepping.update(stepping)
        everything = {parameter for own in self.own_parameters().values() for parameter in own}
        for parameter in stepping:
            if parameter in everything:
                gradient = None if parameter.grad is None else entries(parameter.grad) / scale
                self.changes[parameter] = Change(gradient, entries(parameter), scale)

    def after(self, *, skipped: bool = False, closure: bool = False) -> None:
        """The step is over: puts the truth together."""
        self.in_backward = False
        if closure:  # what counts is the last evaluation
            self.losses = self.losses[-1:]
            for parameter, change in self.changes.items():
                change.gradient = None if parameter.grad is None else entries(parameter.grad)
        if not self.changes:
            return
        if not skipped:
            self.optimized |= self.stepping
        self.stepping = set()
        layers, others = {}, {}
        for name, own in self.own_parameters().items():
            trained = [
                parameter
                for parameter in own
                if parameter in self.changes and parameter.requires_grad
            ]
            # Where one forward serves the steps of two optimizers, it belongs to the first.
            values = {} if self.stepped else self._acts(name, last_only=closure)
            values |= self._participation(name, own)
            if trained:
                layers[name or "(root)"] = values | self._parameters(trained)
            else:
                others[name or "(root)"] = values | of_weights(
                    [entries(parameter) for parameter in own]
                )
        self.truths.append(Truth(layers, others, self._scalars(), skipped))
        self.changes = {}
        self.losses = []
        self.stepped = True

    def _acts(self, name: str, *, last_only: bool) -> dict[str, float]:
        outputs = self.outputs.get(name, [])
        if last_only:
            outputs = [output for output in outputs if output.evaluation == self.evaluation - 1]
        gradients = [
            entries(output.tensor.grad) / self.scale
            for output in outputs
            if output.tensor.grad is not None
        ]
        activations = [output.activations for output in outputs]
        return of_activations(activations, self.loop.follows.get(name)) | of_output_gradients(
            gradients
        )

    def _participation(self, name: str, own: list[nn.Parameter]) -> dict[str, float]:
        values = {}
        if self.ran and not self.stepped:
            if name in self.ran:
                values["has_run"] = 1.0
            elif all(one.requires_grad and one.grad is None for one in own):
                values["has_run"] = 0.0
        trainable = [one for one in own if one.requires_grad]
        if self.optimized and trainable:
            held = sum(one in self.optimized for one in trainable)
            values["optimized_fraction"] = held / len(trainable)
        return values

    def _parameters(self, trained: list[nn.Parameter]) -> dict[str, float]:
        before = [self.changes[one].weight for one in trained]
        moved = [entries(one) - weight for one, weight in zip(trained, before, strict=True)]
        matrices = [place for place, one in enumerate(trained) if one.dim() > 1 and one.numel()]
        gradients = [self.changes[one].gradient for one in trained]
        values = of_weights(before) | of_gradients(
            [gradient for gradient in gradients if gradient is not None]
        )
        raw = [self.raws[parameter] for parameter in trained if parameter in self.raws]
        if raw:
            values["raw_grad_norm"] = norm(raw)
        if values["weight_norm"] > 0:
            values["update_ratio"] = norm(moved) / values["weight_norm"]
        if matrices:
            values["matrix_norm"] = norm([before[place] for place in matrices])
            values["matrix_change"] = norm([moved[place] for place in matrices])
        return values

    def _scalars(self) -> dict[str, float]:
        gradients = [
            change.gradient for change in self.changes.values() if change.gradient is not None
        ]
        scalars = {"total_grad_norm": norm(gradients)} if gradients else {}
        if raw := [self.raws[parameter] for parameter in self.changes if parameter in self.raws]:
            scalars["raw_total_grad_norm"] = norm(raw)
        if self.losses:
            scalars["loss"] = float(np.sum(self.losses))
        return scalars


def entries(tensor: Tensor) -> Entries:
    """Every entry, in double precision."""
    dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    wide = dense.to(torch.complex128 if dense.is_complex() else torch.float64)
    return np.array(wide.numpy()).reshape(-1)


def norm(parts: list[Entries]) -> float:
    """L2 norm over all parts."""
    return float(np.sqrt(sum(float((np.abs(part) ** 2).sum()) for part in parts)))


def apart(value: Any, keep: Callable[[Tensor], Tensor]) -> tuple[Any, bool]:
    """The value with its first floating tensor replaced by ``keep`` of it; whether it has one."""
    if isinstance(value, Tensor):
        return (
            (keep(value), True)
            if value.is_floating_point() or value.is_complex()
            else (value, False)
        )
    for key, item in list(members(value)):
        changed, found = apart(item, keep)
        if found:
            return rebuilt(value, key, changed), True
    return value, False


def members(value: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and items of a container."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, (tuple, list)):
        yield from enumerate(value)
    elif is_dataclass(value):
        yield from ((entry.name, getattr(value, entry.name)) for entry in fields(value))


def rebuilt(value: Any, key: Any, changed: Any) -> Any:
    """The container with one item changed."""
    if isinstance(value, Mapping):
        return type(value)({**value, key: changed})  # type: ignore[call-arg]  # every mapping of these loops takes one
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{key: changed})
    items = [changed if number == key else item for number, item in enumerate(value)]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
