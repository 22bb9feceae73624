"""What a remedy can do to a live training loop, as plain data.

Diagnosis writes it, capture carries it out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from gradwidget.wording import names, shown

Scheme = Literal["kaiming", "xavier_tanh", "xavier", "orthogonal"]
"""How fresh weights are drawn: Kaiming for ReLU and its kin, Xavier with or without the gain of
tanh, orthogonal."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Scales the gradient down, before each step, to at most this total norm."""

    max_norm: float

    @property
    def text(self) -> str:
        """What changes, in a few words."""
        return f"gradient clipped at a total norm of {shown(self.max_norm)}"


@dataclass(frozen=True, slots=True)
class ScaleLr:
    """Multiplies the learning rate that each step uses; what a scheduler sets is scaled too."""

    factor: float
    group: int | None = None
    """Index of one parameter group; None for all."""

    @property
    def text(self) -> str:
        """What changes, in a few words."""
        where = "" if self.group is None else f" of parameter group {self.group}"
        return f"learning rate{where} × {shown(self.factor)}"


@dataclass(frozen=True, slots=True)
class Reinitialize:
    """Draws fresh weights for the named layers and clears their optimizer state."""

    layers: Mapping[str, Scheme]

    @property
    def text(self) -> str:
        """What changes, in a few words."""
        return f"fresh weights for {names(list(self.layers))}; their optimizer state cleared"


Squashing = Literal["Sigmoid", "Tanh"]
"""Modules that ReLU can take the place of."""


@dataclass(frozen=True, slots=True)
class UseRelu:
    """Puts ReLU in the place of squashing modules, and draws the weights before them for it."""

    kind: Squashing
    before: str
    """Name of the layer before which they are, in the order of the model's modules."""

    layers: Mapping[str, Scheme]
    """What is drawn, as in ``Reinitialize``."""

    @property
    def text(self) -> str:
        """What changes, in a few words."""
        return f"ReLU in the place of {self.kind.lower()}; {Reinitialize(self.layers).text}"


KEEPING = 3.0
"""Bias with which a gate keeps 95% of the state (Jozefowicz et al. 2015 advise a large one)."""


@dataclass(frozen=True, slots=True)
class RaiseForgetBias:
    """Has the gates of recurrent layers keep the state: the bias of their forget gate rises."""

    layers: tuple[str, ...]

    @property
    def text(self) -> str:
        """What changes, in a few words."""
        return f"forget gate bias of {names(list(self.layers))} set to {shown(KEEPING)}"


@dataclass(frozen=True, slots=True)
class SkipNonfinite:
    """Leaves out every step whose gradient has a NaN or an infinity."""

    @property
    def text(self) -> str:
        """What changes, in a few words."""
        return "steps with NaN or Inf gradients are left out"


Action = Clip | ScaleLr | Reinitialize | UseRelu | RaiseForgetBias | SkipNonfinite


@dataclass(frozen=True, slots=True)
class Applied:
    """An action that has been carried out."""

    undo: Callable[[], None]
    """Takes it back; to be called between two steps."""

    text: str
    """What was changed, in a few words."""


def parse_action(data: Mapping[str, object]) -> Action:
    """The action that plain data such as ``{"kind": "clip", "max_norm": 1.3}`` stands for.

    Raises:
        ValueError: the kind is unknown, or a number is missing or makes no sense.

    Example:
        >>> parse_action({"kind": "scale_lr", "factor": 0.1}).text
        'learning rate × 0.1'
    """
    kind = data.get("kind")
    if kind not in _READERS:
        message = f"unknown action {kind!r}; known are {', '.join(_READERS)}"
        raise ValueError(message)
    return _READERS[str(kind)](data)


def _clip(data: Mapping[str, object]) -> Clip:
    return Clip(_positive(data, "max_norm"))


def _scale_lr(data: Mapping[str, object]) -> ScaleLr:
    group = data.get("group")
    if group is not None and (not isinstance(group, int) or group < 0):
        message = f"group must be the index of a parameter group, not {group!r}"
        raise ValueError(message)
    return ScaleLr(_positive(data, "factor"), group)


def _reinitialize(data: Mapping[str, object]) -> Reinitialize:
    layers = data.get("layers")
    if not isinstance(layers, Mapping) or not layers:
        message = "layers must name at least one layer with its scheme"
        raise ValueError(message)
    for name, scheme in layers.items():
        if scheme not in get_args(Scheme):
            known = ", ".join(get_args(Scheme))
            message = f"unknown scheme {scheme!r} for layer {name!r}; known are {known}"
            raise ValueError(message)
    return Reinitialize({str(name): cast("Scheme", scheme) for name, scheme in layers.items()})


def _use_relu(data: Mapping[str, object]) -> UseRelu:
    kind, before = data.get("instead_of"), data.get("before")
    if kind not in get_args(Squashing) or not isinstance(before, str):
        message = (
            f"instead_of must be Sigmoid or Tanh, and before a layer, not {kind!r}, {before!r}"
        )
        raise ValueError(message)
    return UseRelu(cast("Squashing", kind), before, _reinitialize(data).layers)


def _raise_forget_bias(data: Mapping[str, object]) -> RaiseForgetBias:
    layers = data.get("layers")
    if not isinstance(layers, list | tuple) or not layers:
        message = "layers must name at least one layer"
        raise ValueError(message)
    return RaiseForgetBias(tuple(map(str, layers)))


def _positive(data: Mapping[str, object], name: str) -> float:
    value = data.get(name)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        message = f"{name} must be a number above 0, not {value!r}"
        raise ValueError(message)
    return float(value)


_READERS: dict[str, Callable[[Mapping[str, object]], Action]] = {
    "clip": _clip,
    "scale_lr": _scale_lr,
    "reinitialize": _reinitialize,
    "use_relu": _use_relu,
    "raise_forget_bias": _raise_forget_bias,
    "skip_nonfinite": lambda _: SkipNonfinite(),
}
