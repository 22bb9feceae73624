"""Which modules are layers, which parameters they own, and in which order they run.

A module whose own weights are used one after the other is divided: each of them is a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from gradwidget.capture import unmeasured
from gradwidget.capture.model.local_part import is_partial, is_spread
from gradwidget.capture.model.owned import Owned, parameters_of_layers
from gradwidget.capture.model.parameter_handle import ParameterHandle, note_gathered
from gradwidget.capture.model.selection import LayerFilter, selected
from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.model.weight_rows import Own, Position, full_name, is_divisible
from gradwidget.capture.torch_private import is_flat_sharded, is_sharded
from gradwidget.frame import PARAMETER, ROOT, Layer

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Numbers of parameters, and the row of a layer that owns each."""


class LayerTable:
    """The layers of a model: rows of every frame, in order of first execution.

    The model is walked, never kept: modules and parameters are found again by handles.

    Args:
        model: the model.
        select: which layers, as for ``GradMonitor``.

    Raises:
        ValueError: the model has no parameters, or no layer matches ``select``.
    """

    def __init__(self, model: nn.Module, select: LayerFilter) -> None:
        self.names: dict[int, str] = {}
        """Name of a layer by the ``id`` of its module."""
        self.parameters: list[ParameterHandle] = []
        """Every parameter of the layers once, in order of registration."""
        self.unread: dict[str, str] = {}
        """Why no parameter of a layer is read, by its name: one of them cannot be."""
        self.generation = 0
        """Rises when parameters or layers are no longer the same."""
        self.order_is_stale = True
        """True until a forward has shown the order of the layers, and when new ones appear."""
        self.has_lazy = False
        """Whether a parameter has no shape yet."""
        self.divisible: dict[int, list[Own]] = {}
        """Who owns each parameter, by number, that may be a row of its own."""
        self.divided: frozenset[str] = frozenset()
        """Names of the modules whose parameters are."""
        self._division: Mapping[Own, str] = {}
        self._positions: Mapping[str, Position] = {}
        self._select = select
        self._is_sharded = self._is_flat = False
        self.sharded: list[int] = []
        """Numbers of the parameters of which this process holds only a part."""
        self._fingerprint: list[int] = []
        self._seen: list[tuple[str, str, int, bool, bool]] | None = None
        self._names: list[str] = []
        self._found: dict[str, Layer] = {}
        self._executed: dict[str, int] = {}
        self._activations: dict[str, str] = {}
        self._layers_of: list[tuple[str, ...]] = []
        self._own: dict[str, dict[str, int]] = {}
        self._names_of: dict[int, list[tuple[str, str]]] = {}
        self._numbers: dict[int, int] = {}
        self._left_out: list[int] = []
        self._at_hand: list[nn.Parameter | None] | None = None
        self._layers: tuple[Layer, ...] = ()
        self._pairs: Pairs = np.empty(0, np.intp), np.empty(0, np.intp)
        self._changes = self._arranged = 0
        if not (self.refresh(model) and self.layers):
            if not any(True for _ in model.parameters()):
                message = (
                    f"{type(model).__name__} has no parameters, so there are no gradients to show. "
                    "Pass the module that is being trained."
                )
                raise ValueError(message)
            names = ", ".join(sorted(parameters_of_layers(model))[:5])
            message = f"no layer matches layers={select!r}. This model's layers begin with: {names}"
            raise ValueError(message)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The same tuple object as long as nothing about it changes."""
        self._arrange()
        return self._layers

    @property
    def pairs(self) -> Pairs:
        """(parameter numbers, rows) of every parameter that is read and every layer that owns it.

        Tied parameters appear once for each of their layers.
        """
        self._arrange()
        return self._pairs

    def refresh(self, model: nn.Module) -> bool:
        """Reads the model again; True when something about its layers has changed for good."""
        if self._is_sharded:
            # From forward to backward whole parameters stand in for the parts.
            return False
        fingerprint = _fingerprint(model)
        if fingerprint == self._fingerprint and not self.has_lazy:
            return False
        self._fingerprint = fingerprint
        found = parameters_of_layers(model)
        seen = [
            (name, local, id(one.parameter), one.parameter.requires_grad, is_lazy(one.parameter))
            for name, own in found.items()
            for local, one in own.items()
        ]
        if seen == self._seen or any(
            type(one.parameter) is Tensor for own in found.values() for one in own.values()
        ):
            # Plain tensors in the place of parameters: torch.func.functional_call is at work.
            return False
        self._seen = seen
        self.has_lazy = any(lazy for *_, lazy in seen)
        modules = {name or ROOT: module for name, module in model.named_modules()}
        watched = self._choose(found, modules)
        self._is_flat = any(map(is_flat_sharded, modules.values()))
        rows = self._rows(watched)
        kinds = {name: type(modules[name]).__name__ for name in watched}
        self._found = {name: _layer(name, kinds.get(name), own) for name, own in rows.items()}
        if set(rows) - set(self._names):
            self.order_is_stale = True
        self._names = list(rows)
        self._hold(rows, [one for own in watched.values() for one in own.values()])
        note_gathered(self.parameters, modules.values())
        self._note_divisible(
            {name: own for name, own in watched.items() if is_divisible(modules[name])}
        )
        self.generation += 1
        self._changes += 1
        return True

    def _choose(
        self, found: Mapping[str, dict[str, Owned]], modules: Mapping[str, nn.Module]
    ) -> dict[str, dict[str, Owned]]:
        """The layers that are watched, with those of their parameters that are."""
        watched: dict[str, dict[str, Owned]] = {}
        names: dict[int, str] = {}
        for name, own in found.items():
            chosen = selected(self._select, name, modules[name], own)
            if chosen is None:
                watched[name] = own
                names[id(modules[name])] = name
            elif chosen:
                watched[name] = {local: own[local] for local in chosen}
                asked = {(name, local): full_name(name, local) for local in chosen}
                self._division = {**asked, **self._division}
        self.names = names
        return watched

    def divide(
        self, model: nn.Module, division: Mapping[Own, str], positions: Mapping[str, Position]
    ) -> None:
        """Makes rows of parameters, in addition to those that are rows already.

        Args:
            model: the model.
            division: the name of the row that each parameter belongs to.
            positions: where each row runs.
        """
        self._division = {**self._division, **division}
        self._positions = {**self._positions, **positions}
        self.divided |= {name for name, _ in division}
        self._seen, self._fingerprint = None, []
        self.refresh(model)

    def ran(self, modules: Iterable[int]) -> None:
        """Takes the order in which modules (by ``id``) ran for the order of the layers."""
        names = [self.names[module] for module in modules if module in self.names]
        executed = {name: number for number, name in enumerate(dict.fromkeys(names))}
        self.order_is_stale = not executed
        if list(executed) != list(self._executed):
            self._executed = executed
            self._changes += 1

    def note_activation_function(self, name: str, kind: str) -> None:
        """Notes the activation function of a layer, such as ``"relu"``."""
        if self._activations.get(name) != kind:
            self._activations[name] = kind
            self._changes += 1

    def tensors(self) -> list[nn.Parameter | None]:
        """All parameters by number; None where one no longer exists or cannot be read.

        They are looked up once per step, until ``release``.
        """
        found = list(self._looked_up())
        for number in self._left_out:
            found[number] = None
        return found

    def release(self) -> None:
        """A step is over: the parameters looked up for it are released."""
        self._at_hand = None

    def alive(self) -> list[nn.Parameter]:
        """The parameters that still exist, read or not."""
        return [one for one in self._looked_up() if one is not None]

    def trainable(self) -> set[int]:
        """The numbers of the parameters that exist and require a gradient."""
        return set(trainable_among(self._looked_up()))

    def number_of(self, tensor: Tensor) -> int | None:
        """The number of a parameter; None for any other tensor."""
        number = self._numbers.get(id(tensor))
        return number if number is not None and self.parameters[number]() is tensor else None

    def layer_of(self, parameter: Tensor) -> str | None:
        """Name of the first layer that owns a parameter; None for any other tensor."""
        number = self.number_of(parameter)
        return None if number is None else self._layers_of[number][0]

    def numbers_of(self, layer: str) -> dict[str, int]:
        """The numbers of a layer's parameters by local name; empty for one that is not watched."""
        return self._own.get(layer, {})

    def names_of(self, number: int) -> list[tuple[str, str]]:
        """The layers that own a parameter, and its name in each."""
        return self._names_of[number]

    def is_parameter(self, row: str) -> bool:
        """Whether a row is a weight by itself, and no module."""
        return row in self._positions

    def has_run(self, name: str) -> bool:
        """Whether the forward of this layer has been seen."""
        return name in self._executed

    def has_unread_gradient(self) -> bool:
        """Whether one of the parameters that cannot be read has a gradient."""
        return any(
            (one := self.parameters[number]()) is not None and one.grad is not None
            for number in self._left_out
        )

    def _note_divisible(self, found: Mapping[str, dict[str, Owned]]) -> None:
        self.divisible = {}
        # None is where no module has two weights, and then nobody has to look.
        if not any(sum(map(_is_weight, own.values())) > 1 for own in found.values()):
            return
        for name, own in found.items():
            if any("." in local for local in own):
                continue  # it is parametrized
            for local, one in own.items():
                owners = self.divisible.setdefault(self._numbers[id(one.parameter)], [])
                owners.append((name, local))

    def _rows(self, found: Mapping[str, dict[str, Owned]]) -> dict[str, dict[str, Owned]]:
        """The parameters of each row: a module's own, but where they are rows by themselves."""
        rows: dict[str, dict[str, Owned]] = {}
        for name, own in found.items():
            for local, one in own.items():
                row = self._division.get((name, local))
                if row is None:
                    rows.setdefault(name, {})[local] = one
                    continue
                beside = rows.setdefault(row, {})
                if all(one.parameter is not other.parameter for other in beside.values()):
                    beside[full_name(name, local)] = one
        return rows

    def _looked_up(self) -> list[nn.Parameter | None]:
        # From forward to backward whole parameters stand in for parts.
        if self._at_hand is None or self._is_sharded:
            found = [handle() for handle in self.parameters]
            # Those that other tensors stand in for now are there again in the same step.
            are_hidden = any(one is None for one in found) and any(
                handle.is_hidden for handle in self.parameters
            )
            self._at_hand = None if are_hidden else found
            return found
        return self._at_hand

    def _hold(self, found: dict[str, dict[str, Owned]], every: Sequence[Owned]) -> None:
        layers_of: dict[int, list[str]] = {}
        self.parameters = []
        # Their numbers do not depend on which rows they are in.
        for parameter, module, inner in every:
            if id(parameter) not in layers_of:
                layers_of[id(parameter)] = []
                self.parameters.append(ParameterHandle(module, inner))
        self._at_hand = None
        self.unread = {}
        self._is_sharded = any(is_sharded(one.parameter) for one in every)
        for name, own in found.items():
            for local, (parameter, *_) in own.items():
                known = layers_of[id(parameter)]
                if name not in known:
                    known.append(name)
                if (why := self._why_unread(local, parameter)) is not None:
                    self.unread.setdefault(name, why)
        handles = self.parameters if self._is_sharded else []
        self.sharded = [
            number
            for number, handle in enumerate(handles)
            if (one := handle()) is not None and is_sharded(one) and is_spread(one)
        ]
        self._layers_of = [tuple(names) for names in layers_of.values()]
        self._numbers = {parameter: number for number, parameter in enumerate(layers_of)}
        self._own = {
            name: {local: self._numbers[id(one.parameter)] for local, one in own.items()}
            for name, own in found.items()
        }
        self._names_of = {number: [] for number in self._numbers.values()}
        for name, numbers in self._own.items():
            for local, number in numbers.items():
                self._names_of[number].append((name, local))
        self._left_out = [
            number
            for number, names in enumerate(self._layers_of)
            if all(name in self.unread for name in names)
        ]

    def _why_unread(self, local: str, parameter: nn.Parameter) -> str | None:
        if self._is_flat:
            return unmeasured.FLAT
        is_part = self._is_sharded and is_sharded(parameter) and not is_partial(parameter)
        why = None if is_part or not parameter.requires_grad else unreadable(parameter)
        return None if why is None else unmeasured.parameter(local, why)

    def _arrange(self) -> None:
        """Puts the layers in order; once for all changes since it was last asked for."""
        # Another thread may ask while this one notes the next change.
        changes = self._changes
        if self._arranged == changes:
            return
        # A layer that has not run (used without being called, or not yet) stays behind the one
        # registered before it.
        keys: dict[str, tuple[int, int, int]] = {}
        last = -1
        for number, name in enumerate(self._names):
            at = self._positions.get(name)
            if at is not None:
                keys[name] = (self._executed.get(at.after or "", -1), 1, at.place)
                continue
            last = self._executed.get(name, last)
            keys[name] = (last, 2 if name not in self._executed else 0, number)
        ordered = sorted(self._names, key=keys.__getitem__)
        # Most have no activation function, and to replace one takes as long as to make it.
        layers = tuple(
            replace(self._found[name], activation=self._activations[name])
            if name in self._activations
            else self._found[name]
            for name in ordered
        )
        if layers != self._layers:
            self._layers = layers
        rows = {name: row for row, name in enumerate(ordered)}
        pairs = [
            (number, rows[name])
            for number, names in enumerate(self._layers_of)
            for name in names
            if name not in self.unread
        ]
        numbers, owned = zip(*pairs, strict=True) if pairs else ((), ())
        self._pairs = np.array(numbers, np.intp), np.array(owned, np.intp)
        self._arranged = changes


def trainable_among(parameters: Sequence[nn.Parameter | None]) -> list[int]:
    """The numbers of those that are there and require a gradient, of parameters by number."""
    return [
        number for number, one in enumerate(parameters) if one is not None and one.requires_grad
    ]


def _is_weight(one: Owned) -> bool:
    if is_lazy(one.parameter):
        return False  # it has no shape yet
    return one.parameter.dim() > 1


def _layer(name: str, kind: str | None, own: Mapping[str, Owned]) -> Layer:
    return Layer(
        name,
        kind or PARAMETER,
        {local: _shape(one.parameter) for local, one in own.items()},
        any(one.parameter.requires_grad for one in own.values()),
    )


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


def _shape(parameter: Tensor) -> tuple[int, ...]:
    # A lazy parameter has no shape before the first forward, and a nested one has none at all:
    # asking for it raises.
    if is_lazy(parameter) or parameter.is_nested:
        return (0,)
    return tuple(parameter.shape)
