"""What a row is that is no module, but a weight by itself."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from gradwidget.frame import ROOT

Own = tuple[str, str]
"""Name of a module, and the local name of a parameter there."""


class Position(NamedTuple):
    """Where a row runs that is no module."""

    after: str | None
    """The layer that ran last before it, of those that are modules; None where none did."""

    place: int
    """Its place among the rows that are no modules."""


def full_name(module: str, local: str) -> str:
    """The name of a parameter in ``model.named_parameters()``."""
    return local if module == ROOT else f"{module}.{local}"


def is_divisible(module: nn.Module) -> bool:
    """Whether a module's own parameters may be rows: those of torch's own layers are one each."""
    kind = type(module)
    return isinstance(module, (nn.ParameterList, nn.ParameterDict)) or not (
        kind.__module__.startswith("torch.")
    )
