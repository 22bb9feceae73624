"""Graph convolutions by a dense product with the adjacency matrix.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from evaluation.runs.data import Batches
from evaluation.runs.loop import supervised
from evaluation.runs.run import Conditions, Training, healthy, sick

NODES, GROUPS, FEATURES = 240, 4, 16


def _society(c: Conditions, inside: float, outside: float) -> tuple[Tensor, Tensor, Tensor]:
    """Who knows whom, what is known of each, and the group of each."""
    generator = torch.Generator().manual_seed(c.seed)
    group = torch.randint(GROUPS, (NODES,), generator=generator)
    chance = torch.where(group[:, None] == group[None, :], inside, outside)
    edges = (torch.rand(NODES, NODES, generator=generator) < chance).float().triu(1)
    features = torch.randn(NODES, FEATURES, generator=generator)
    features[torch.arange(NODES), group] += 1.5
    return edges + edges.T + torch.eye(NODES), features, group


def _mean_of_neighbors(edges: Tensor) -> Tensor:
    return edges / edges.sum(1, keepdim=True)


class Graph(nn.Module):
    """Layers that mix each node with its neighbors; gives the nodes that are asked for.

    Args:
        mixing: what a node takes from each other.
        features: of all nodes.
        width: of hidden layers.
        depth: layers before the last.
        norm: makes what comes after each mixing.
        skip: whether a hidden layer is added to what enters it.
    """

    def __init__(
        self,
        mixing: Tensor,
        features: Tensor,
        width: int,
        depth: int,
        *,
        norm: Callable[[int], nn.Module] | None = None,
        skip: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("mixing", mixing)
        self.register_buffer("features", features)
        self.enter = nn.Linear(FEATURES, width)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.norms = nn.ModuleList([norm(width) if norm else nn.Identity() for _ in range(depth)])
        self.leave = nn.Linear(width, GROUPS)
        self.skip = skip
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.get_parameter("weight"))

    def forward(self, nodes: Tensor) -> Tensor:
        mixing = self.get_buffer("mixing")
        x = torch.relu(self.enter(self.get_buffer("features")))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            mixed = torch.relu(norm(mixing @ layer(x)))
            x = x + mixed if self.skip else mixed
        y: Tensor = self.leave(x)[nodes]
        return y


def _chain(model: Graph) -> tuple[str, ...]:
    return ("enter", *(f"layers.{number}" for number in range(len(model.layers))), "leave")


@sick(150, cause="exploding_gradients", cure="person", exploding_gradients="*")
def graph_neighbors_summed(c: Conditions) -> Training:
    """Neighbors are added up instead of averaged: twenty of them to each layer."""
    edges, features, group = _society(c, 0.25, 0.05)
    model = Graph(edges if c.sick else _mean_of_neighbors(edges), features, c.width(32), 5)
    nodes = Batches(torch.arange(NODES), group, c.batch(64), c.seed)
    return supervised(c, model, c.adam(model, 3e-3), nodes, chain=_chain(model))


@sick(
    150,
    cause=("collapsed_outputs", "vanishing_gradients"),
    cure="person",
    collapsed_outputs="",
)
def graph_smoothed_flat(c: Conditions) -> Training:
    """Sixteen rounds of averaging in a dense graph: all nodes end as the same one."""
    edges, features, group = _society(c, 0.3, 0.15)
    model = Graph(
        _mean_of_neighbors(edges), features, c.width(32), 16 if c.sick else 1, skip=not c.sick
    )
    nodes = Batches(torch.arange(NODES), group, c.batch(64), c.seed)
    return supervised(c, model, c.adam(model, 3e-3), nodes, chain=_chain(model))


@healthy(150)
def graph_summed_and_normed(c: Conditions) -> Training:
    """Neighbors are added up, and a norm after each layer takes the scale out again."""
    edges, features, group = _society(c, 0.25, 0.05)
    model = Graph(edges, features, c.width(32), 3, norm=nn.LayerNorm)
    nodes = Batches(torch.arange(NODES), group, c.batch(64), c.seed)
    return supervised(c, model, c.adam(model, 5e-3), nodes, chain=_chain(model))
