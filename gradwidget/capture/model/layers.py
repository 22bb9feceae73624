"""Which modules are layers, which parameters they own, and in which order they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from weakref import ReferenceType, ref

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from gradwidget.capture.torch_private import is_sharded
from gradwidget.frame import Layer

LayerFilter = str | Sequence[str] | Callable[[str, nn.Module], bool] | None

ROOT = "(root)"
PARAMETRIZATIONS = "parametrizations"


class LayerTable:
    """The layers of a model: rows of every frame, in order of first execution.

    The model is walked, never kept: parameters are held weakly, modules by identity alone.

    Args:
        model: the model.
        select: which layers, as for ``GradMonitor``.

    Raises:
        ValueError: the model has no parameters, or no layer matches ``select``.
    """

    def __init__(self, model: nn.Module, select: LayerFilter) -> None:
        self.layers: tuple[Layer, ...] = ()
        """The same tuple object as long as nothing about it changes."""
        self.names: dict[int, str] = {}
        """Name of a layer by the ``id`` of its module."""
        self.parameters: list[ReferenceType[nn.Parameter]] = []
        """Every parameter of the layers once, in order of registration."""
        self.sharded: frozenset[str] = frozenset()
        """Names of layers of whose parameters each process holds only a part."""
        self.generation = 0
        """Rises when parameters or layers are no longer the same."""
        self.order_is_stale = True
        """True until a forward has shown the order of the layers, and when new ones appear."""
        self.has_lazy = False
        """Whether a parameter has no shape yet."""
        self._select = select
        self._fingerprint: list[int] = []
        self._seen: list[tuple[str, str, int, bool, bool]] | None = None
        self._names: list[str] = []
        self._executed: dict[str, int] = {}
        self._activations: dict[str, str] = {}
        self._owners: list[tuple[str, ...]] = []
        self._own: dict[str, dict[str, int]] = {}
        self._numbers: dict[int, int] = {}
        self.pairs: tuple[NDArray[np.intp], NDArray[np.intp]] = (
            np.empty(0, np.intp),
            np.empty(0, np.intp),
        )
        """(parameter numbers, rows) of every parameter and layer that owns it; tied ones repeat."""
        if not (self.refresh(model) and self.layers):
            if not any(True for _ in model.parameters()):
                message = (
                    f"{type(model).__name__} has no parameters, so there are no gradients to show. "
                    "Pass the module that is being trained."
                )
                raise ValueError(message)
            names = ", ".join(sorted({_outer(name) for name, _ in _owned(model)})[:5])
            message = f"no layer matches layers={select!r}. This model's layers begin with: {names}"
            raise ValueError(message)

    def refresh(self, model: nn.Module) -> bool:
        """Reads the model again; True when something about its layers has changed for good."""
        if self.sharded:
            # From forward to backward whole parameters stand in for the parts.
            return False
        fingerprint = _fingerprint(model)
        if fingerprint == self._fingerprint and not self.has_lazy:
            return False
        self._fingerprint = fingerprint
        found: dict[str, dict[str, nn.Parameter]] = {}
        for name, module in _owned(model):
            outer = _outer(name)
            inside = "" if outer == name else name.removeprefix(outer).lstrip(".")
            own = found.setdefault(outer, {})
            for local, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
                own[f"{inside}.{local}".lstrip(".")] = parameter
        seen = [
            (name, local, id(parameter), parameter.requires_grad, is_lazy(parameter))
            for name, own in found.items()
            for local, parameter in own.items()
        ]
        if seen == self._seen or any(
            type(one) is Tensor for own in found.values() for one in own.values()
        ):
            # Plain tensors in the place of parameters: torch.func.functional_call is at work.
            return False
        self._seen = seen
        self.has_lazy = any(lazy for *_, lazy in seen)
        modules = {name or ROOT: module for name, module in model.named_modules()}
        names = [name for name in found if _matches(self._select, name, modules[name])]
        self.names = {id(modules[name]): name for name in names}
        self._found = {
            name: Layer(
                name,
                type(modules[name]).__name__,
                {local: _shape(one) for local, one in found[name].items()},
                any(one.requires_grad for one in found[name].values()),
            )
            for name in names
        }
        if set(names) - set(self._names):
            self.order_is_stale = True
        self._names = names
        self.sharded = frozenset(
            name for name in names if any(is_sharded(one) for one in found[name].values())
        )
        self._hold({name: found[name] for name in names})
        self.generation += 1
        self._arrange()
        return True

    def ran(self, modules: Iterable[int]) -> None:
        """Takes the order in which modules (by ``id``) ran for the order of the layers."""
        names = [self.names[module] for module in modules if module in self.names]
        executed = {name: number for number, name in enumerate(dict.fromkeys(names))}
        self.order_is_stale = not executed
        if list(executed) != list(self._executed):
            self._executed = executed
            self._arrange()

    def tensors(self) -> list[nn.Parameter | None]:
        """All parameters by number; None where one no longer exists or is sharded."""
        found = [one() for one in self.parameters]
        return (
            [None if one is not None and is_sharded(one) else one for one in found]
            if self.sharded
            else found
        )

    def alive(self) -> list[nn.Parameter]:
        """The parameters that are still there."""
        return [one for held in self.parameters if (one := held()) is not None]

    def number_of(self, tensor: Tensor) -> int | None:
        """The number of a parameter; None for any other tensor."""
        number = self._numbers.get(id(tensor))
        return number if number is not None and self.parameters[number]() is tensor else None

    def layer_of(self, parameter: Tensor) -> str | None:
        """Name of the first layer that owns a parameter; None for any other tensor."""
        number = self.number_of(parameter)
        return None if number is None else self._owners[number][0]

    def numbers_of(self, layer: str) -> dict[str, int]:
        """The numbers of a layer's parameters by local name; empty for one that is not watched."""
        return self._own.get(layer, {})

    def has_run(self, name: str) -> bool:
        """Whether the forward of this layer has been seen."""
        return name in self._executed

    def note_activation_function(self, name: str, kind: str) -> None:
        """Notes the activation function of a layer, such as ``"relu"``."""
        if self._activations.get(name) != kind:
            self._activations[name] = kind
            self._arrange()

    def _hold(self, found: dict[str, dict[str, nn.Parameter]]) -> None:
        owners: dict[int, list[str]] = {}
        self.parameters = []
        for name, own in found.items():
            for parameter in own.values():
                if id(parameter) not in owners:
                    self.parameters.append(ref(parameter))
                known = owners.setdefault(id(parameter), [])
                if name not in known:
                    known.append(name)
        self._owners = [tuple(names) for names in owners.values()]
        self._numbers = {parameter: number for number, parameter in enumerate(owners)}
        self._own = {
            name: {local: self._numbers[id(parameter)] for local, parameter in own.items()}
            for name, own in found.items()
        }

    def _arrange(self) -> None:
        # A layer that has not run (used without being called, or not yet) stays behind the one
        # registered before it.
        keys: dict[str, tuple[int, int]] = {}
        last = -1
        for number, name in enumerate(self._names):
            last = self._executed.get(name, last)
            keys[name] = (last, number)
        ordered = sorted(self._names, key=keys.__getitem__)
        layers = tuple(
            replace(self._found[name], activation=self._activations.get(name)) for name in ordered
        )
        if layers != self.layers:
            self.layers = layers
        rows = {name: row for row, name in enumerate(ordered)}
        pairs = [
            (number, rows[name]) for number, names in enumerate(self._owners) for name in names
        ]
        numbers, owned = zip(*pairs, strict=True) if pairs else ((), ())
        self.pairs = np.array(numbers, np.intp), np.array(owned, np.intp)


def _fingerprint(model: nn.Module) -> list[int]:
    """What would be different if modules or parameters had been replaced, frozen or unfrozen."""
    seen: list[int] = []
    known: set[int] = set()
    waiting: list[nn.Module | None] = [model]
    while waiting:
        module = waiting.pop()
        if module is None or id(module) in known:
            continue
        known.add(id(module))
        seen.append(id(module))
        # The public walks take several times as long.
        seen += [
            2 * id(one) + one.requires_grad
            for one in module._parameters.values()  # noqa: SLF001  # see above
            if one is not None
        ]
        waiting += module._modules.values()  # noqa: SLF001  # see above
    return seen


def _owned(model: nn.Module) -> Iterable[tuple[str, nn.Module]]:
    for name, module in model.named_modules():
        if any(True for _ in module.named_parameters(recurse=False)):
            yield name or ROOT, module


def _outer(name: str) -> str:
    """Name of the layer that a module's parameters count for.

    For a parametrization it is the module that is parametrized.
    """
    parts = name.split(".")
    if PARAMETRIZATIONS not in parts:
        return name
    return ".".join(parts[: parts.index(PARAMETRIZATIONS)]) or ROOT


def _shape(parameter: Tensor) -> tuple[int, ...]:
    # a lazy parameter has no shape before the first forward, and asking for it raises
    lazy: bool = is_lazy(parameter)
    return (0,) if lazy else tuple(parameter.shape)


def _matches(select: LayerFilter, name: str, module: nn.Module) -> bool:
    if select is None:
        return True
    if callable(select):
        return bool(select(name, module))
    globs = (select,) if isinstance(select, str) else select
    return any(fnmatchcase(name, glob) for glob in globs)
