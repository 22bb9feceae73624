"""Which parameters count for which layer of a model, and where each is registered."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from gradwidget.frame import ROOT

PARAMETRIZATIONS = "parametrizations"


class Owned(NamedTuple):
    """A parameter, and where it is registered."""

    parameter: nn.Parameter
    module: nn.Module
    name: str


def parameters_of_layers(model: nn.Module) -> dict[str, dict[str, Owned]]:
    """The parameters of each layer, by their names there."""
    found: dict[str, dict[str, Owned]] = {}
    for path, module in model.named_modules():
        parameters = list(module.named_parameters(recurse=False, remove_duplicate=False))
        if not parameters:
            continue
        name = path or ROOT
        outer = _outer(name)
        inside = "" if outer == name else name.removeprefix(outer).lstrip(".")
        own = found.setdefault(outer, {})
        for local, parameter in parameters:
            own[f"{inside}.{local}".lstrip(".")] = Owned(parameter, module, local)
    return found


def _outer(name: str) -> str:
    """Name of the layer that a module's parameters count for.

    For a parametrization it is the module that is parametrized.
    """
    parts = name.split(".")
    if PARAMETRIZATIONS not in parts:
        return name
    return ".".join(parts[: parts.index(PARAMETRIZATIONS)]) or ROOT
