"""Which module of the model has made what: the innermost one whose forward returned it."""

from __future__ import annotations

import inspect
from pathlib import Path
from weakref import ref

from torch import nn

from gradwidget.capture.model.most_nodes import most_nodes
from gradwidget.capture.model.nonlinearity import Node, is_nonlinear
from gradwidget.capture.torch_private import sequence_number

PART = 4
"""Part of the nodes that may be touched: most of them are for the layers."""


class ReturnedBy:
    """Remembers it by the numbers of the nodes in the graph, which hold nothing alive.

    Args:
        model: the model, held weakly.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = ref(model)
        self._made: dict[int, tuple[str, ref[nn.Module]]] = {}

    def begin(self) -> None:
        """A step begins."""
        self._made = {}

    def has_run(self, module: nn.Module, output: object) -> None:
        """A module of the model has run: inner ones come before those that return the same.

        Only those that are an activation function or have parts: a layer calls none itself.
        """
        if len(self._made) >= most_nodes() // PART:
            return
        inner = module._modules.values()  # noqa: SLF001  # the public walk takes several times as long
        if not any(one is not None for one in inner) and not is_nonlinear(module):
            return
        node = getattr(output, "grad_fn", None)
        if node is not None:
            self._made.setdefault(sequence_number(node), (node.name(), ref(module)))

    def of(self, node: Node, function: str) -> tuple[str, str, str]:
        """Who has called an activation function.

        Args:
            node: what it has made of the graph.
            function: its name, such as ``"softmax"``.

        Returns:
            ``"module"`` with the name of the module that is this function; ``"forward"`` with the
            name of the module whose forward returned it (empty for the model itself), and the line
            that calls it where one does; else three empty words.
        """
        name, held = self._made.get(sequence_number(node), ("", None))
        module, model = None if held is None else held(), self._model()
        if module is None or model is None or name != node.name():
            return "", "", ""
        path = next((path for path, one in model.named_modules() if one is module), "")
        if is_nonlinear(module):
            return "module", path, ""
        return "forward", path, _line(module, function)


def _line(module: nn.Module, function: str) -> str:
    """The only line of a module's forward that names a function, in words; else empty."""
    try:
        lines, first = inspect.getsourcelines(type(module).forward)
        file = Path(inspect.getsourcefile(type(module).forward) or "").name
    except (OSError, TypeError):
        return ""
    found = [first + number for number, line in enumerate(lines) if f"{function}(" in line]
    return f"line {found[0]} of {file}" if len(found) == 1 and file else ""
