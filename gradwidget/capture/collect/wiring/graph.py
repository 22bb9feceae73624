"""The autograd graph behind the roots of a backward pass: its nodes, by name and by what they use.

Nothing is read from a node but its name and what follows it, never a saved tensor: unpacking one
may recompute a whole checkpoint.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from torch import Tensor, nn

from gradwidget.capture.model.most_nodes import most_nodes
from gradwidget.capture.model.nonlinearity import SEE_THROUGH, Node, node_of

Found = TypeVar("Found")
LEAF = "torch::autograd::AccumulateGrad"
VIEWS = (*SEE_THROUGH, "ExpandBackward", "SliceBackward", "SelectBackward", "CopyBackwards")
"""Nodes that hand on what they are given, or a part of it, in another shape or format."""


@dataclass(slots=True)
class Graph:
    """All nodes that a backward pass can reach."""

    roots: list[Node]
    below: dict[Node, list[Node]] = field(default_factory=dict)
    """What each node hands its gradients to."""
    names: dict[Node, str] = field(default_factory=dict)

    def users(self) -> dict[Node, list[Node]]:
        """What uses the result of each node that is used."""
        users: dict[Node, list[Node]] = {}
        for user, below in self.below.items():
            for one in below:
                users.setdefault(one, []).append(user)
        return users

    def from_the_top(self) -> Iterator[Node]:
        """Every node, after all that use its result."""
        users = dict.fromkeys(self.below, 0)
        for nodes in self.below.values():
            for node in nodes:
                users[node] += 1
        waiting = [root for root in self.roots if not users[root]]
        while waiting:
            node = waiting.pop()
            yield node
            for one in self.below[node]:
                users[one] -= 1
                if not users[one]:
                    waiting.append(one)

    def down_from(
        self, nodes: Iterable[Node], find: Callable[[Node], Found]
    ) -> Iterator[tuple[Node, Found]]:
        """Some nodes and those below, breadth first and once each, with what is found at each.

        Not below a node at which something is found; without the leaves.
        """
        waiting = deque(nodes)
        seen = set(waiting)
        while waiting:
            node = waiting.popleft()
            if self.names[node] == LEAF:
                continue
            found = find(node)
            yield node, found
            if not found:
                for one in self.below[node]:
                    if one not in seen:
                        seen.add(one)
                        waiting.append(one)

    def parameters_of(self, node: Node) -> Iterator[Tensor]:
        """The parameters that an operation uses, as they are or in another shape or format."""
        if self.names[node].startswith(VIEWS):
            return  # the operation above it is the one that uses them
        for one in self.below[node]:
            leaf = self.through_views(one)
            if self.names[leaf] == LEAF and isinstance(leaf.variable, nn.Parameter):
                yield leaf.variable

    def through_views(self, node: Node) -> Node:
        """What a node hands on in another shape or format; the node itself where it does more."""
        while self.names[node].startswith(VIEWS) and len(self.below[node]) == 1:
            node = self.below[node][0]
        return node

    def leaves(self) -> Iterator[Tensor]:
        """The tensors at its ends, parameters and others."""
        return (node.variable for node, name in self.names.items() if name == LEAF)


def read_graph(roots: Sequence[Tensor]) -> Graph | None:
    """Walks the graph from the roots of a backward pass; None where it is too large."""
    graph = Graph(list(dict.fromkeys(node_of(root) for root in roots if root.requires_grad)))
    waiting = list(graph.roots)
    most = most_nodes()
    while waiting:
        node = waiting.pop()
        if node in graph.below:
            continue
        if len(graph.below) >= most:
            return None
        graph.names[node] = node.name()
        graph.below[node] = below = [one for one, _ in node.next_functions if one is not None]
        waiting += below
    return graph
