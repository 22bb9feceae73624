"""Parameters that the layer they belong to never uses, although it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from gradwidget.capture.collect.wiring.graph import LEAF
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.most_nodes import most_nodes
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.model.weight_rows import full_name


class Unused:
    """Collects them over the runs of some steps.

    Nodes are walked at once and not kept: they would keep what was saved for the backward pass.

    Args:
        table: the layers.
    """

    def __init__(self, table: LayerTable) -> None:
        self._table = table
        self._used: set[str] = set()
        self._not_used: dict[str, None] = {}
        self._left = 0
        """Nodes that are still walked in the step, for all layers together.

        The parameters of a layer are mostly a node or two below its output; only for one that is
        not used is everything below walked.
        """

    def begin(self) -> None:
        """A step begins."""
        self._left = most_nodes()

    def layer_ran(self, layer: str, outputs: Iterable[Tensor]) -> None:
        """A layer has run: which of its parameters do its outputs depend on?

        Args:
            layer: its name.
            outputs: the tensors of its output. Without a graph, as where gradients are switched
                off, they say nothing.
        """
        names = self._names(layer) if self._left > 0 else {}
        if not names:
            return
        nodes = [one.grad_fn for one in outputs if not one.is_leaf]
        if not nodes:
            return
        left_over = self._not_below(nodes, set(names))
        if left_over is not None:
            self._used |= {names[one] for one in names.keys() - left_over}
            self._not_used |= {name: None for one, name in names.items() if one in left_over}

    @property
    def names(self) -> tuple[str, ...]:
        """As in ``model.named_parameters()``: those that no run of their layer has used."""
        return tuple(name for name in self._not_used if name not in self._used)

    def _names(self, layer: str) -> dict[int, str]:
        """The name of each trainable parameter of a layer that is not known to be used, by id."""
        found = {}
        for local, number in self._table.numbers_of(layer).items():
            name = full_name(layer, local)
            if name in self._used:
                continue
            parameter = self._table.parameters[number]()
            if parameter is not None and parameter.requires_grad:
                found[id(parameter)] = name
        return found

    def _not_below(self, nodes: Sequence[Node], wanted: set[int]) -> set[int] | None:
        """Which of some parameters (by ``id``) are not below these nodes: those left of ``wanted``.

        The nearest nodes first. None where it is not known.
        """
        # Written out, since it is done for every layer.
        level, seen = nodes, set(nodes)
        while level and wanted:
            self._left -= len(level)
            if self._left < 0:
                return None
            below: list[Node] = []
            for node in level:
                for one, _ in node.next_functions:
                    if one is not None and one not in seen:
                        seen.add(one)
                        below.append(one)
                        if one.name() == LEAF:
                            wanted.discard(id(one.variable))
            level = below
        return wanted
