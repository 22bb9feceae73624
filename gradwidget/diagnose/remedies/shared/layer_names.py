"""Layers and their parameters as Python source, for the code of a remedy."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from gradwidget.diagnose.evidence.window import Window
from gradwidget.frame import ROOT, BoolArray, Layer


def listing(names: Iterable[str]) -> str:
    """The names as a list, on several lines where one is too short.

    Example:
        >>> print(listing(["fc1", "fc2"]))
        ["fc1", "fc2"]
    """
    quoted = [quote("" if name == ROOT else name) for name in names]
    line = ", ".join(quoted)
    if len(line) <= 70:
        return f"[{line}]"
    body = textwrap.wrap(line, 86, break_long_words=False, break_on_hyphens=False)
    return "[\n" + "".join(f"    {part}\n" for part in body) + "]"


def without_last(function: str) -> str:
    """Code that takes the last module that is this function out of the model."""
    kind = "ReLU" if function == "relu" else function.capitalize()
    return f"""\
kind = torch.nn.{kind}
found = [name for name, part in model.named_modules() if name and isinstance(part, kind)]
for name in found[-1:]:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, torch.nn.Identity())
# Where forward() calls {function} itself, remove that call.
"""


def among(window: Window, chosen: BoolArray) -> list[Layer]:
    """The layers of which that is true, input first."""
    return [layer for layer, is_so in zip(window.layers, chosen, strict=True) if is_so]


def modules_of(layers: Iterable[Layer]) -> list[Layer]:
    """Those that are modules, and not parameters by themselves."""
    return [layer for layer in layers if layer.is_module]


def parameters_of(layers: Iterable[Layer]) -> list[list[str]]:
    """The names of the parameters of each layer that is no module."""
    return [list(layer.shapes) for layer in layers if not layer.is_module]


def each_parameter(layers: Sequence[Layer]) -> Iterator[str]:
    """Loops over the parameters of layers, which leave ``parameter`` to the lines that follow.

    One for those that are modules, and one for those that are not. What follows is indented by 8.

    Example:
        >>> print(*each_parameter([Layer("W1", "Parameter", {"W1": (2, 2), "b1": (2,)})]))
        for own in [["W1", "b1"]]:
            for parameter in map(model.get_parameter, own):
    """
    modules, others = modules_of(layers), parameters_of(layers)
    if modules:
        yield (
            f"for name in {listing(layer.name for layer in modules)}:\n"
            "    for parameter in model.get_submodule(name).parameters(recurse=False):"
        )
    if others:
        yield (
            f"for own in {_nested(others)}:\n    for parameter in map(model.get_parameter, own):"
        )


def give_to_optimizer(parameters: str) -> str:
    """A line that gives the optimizer a list of parameters, by the name of its variable.

    They join its first group, with its rate and schedule: a group of their own would end a run
    under ``OneCycleLR``.
    """
    return f'optimizer.param_groups[0]["params"] += {parameters}  # with its rate and schedule'


def _nested(groups: Sequence[Sequence[str]]) -> str:
    parts = [f"[{', '.join(map(quote, group))}]" for group in groups]
    line = ", ".join(parts)
    if len(line) <= 70:
        return f"[{line}]"
    return "[\n" + "".join(f"    {part},\n" for part in parts) + "]"


def quote(name: str) -> str:
    """The name as a Python string; double quotes, as formatters write them."""
    return f'"{name}"' if name.isprintable() and not set(name) & set('\\"') else repr(name)
