"""Whether an attention sees the tokens that a model is trained to predict.

Two things together prove it: the targets of the cross-entropy are the tokens that entered the
model, one position on, and every position gives weight to the one after it. No attention over the
positions may hide that one, and what is seen has to come to the loss position by position: an
encoder, or a summary of a whole sequence, sees everything on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradwidget.capture.collect.lookahead.attentions import Attention, attentions
from gradwidget.capture.collect.lookahead.next_tokens import Shifted, is_next, shifted
from gradwidget.capture.collect.lookahead.positions import Positions
from gradwidget.capture.collect.loop.targets import losses_of
from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.torch_private import (
    in_transform,
    saved_tensor,
    sequence_number,
    signed,
)

EMBEDDING = "EmbeddingBackward"
"""How the name of the operation begins that tokens enter by."""
CROSS_ENTROPY = ("NllLoss",)
"""The same of the one that holds the targets."""
MOST_EMBEDDINGS = 4
"""Of more of them no one is looked at."""
NEARLY_ALL = 0.95
"""Share of the next tokens that has to be seen; numbers that round to 0 are not."""
LET_PASS = 0.25
"""Share of the weights from which on what multiplies them is a dropout, and no mask."""
FIGURES = 4
"""How many come before those of the attentions."""

Words = tuple[str, str, str, str]
"""The operation, the layer before it, how many positions there are, and how many attentions are
over them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a graph shows of targets that lie in one way beside the tokens of one embedding."""

    embedding: int
    readback: Readback
    fetch: Fetch
    """Those of ``Shifted``, then of each attention what it sees and what is let pass."""
    reached: tuple[frozenset[int], ...]
    """Of each attention, from which embeddings the tokens come to the loss through it."""
    words: tuple[Words, ...]
    """Of each attention."""


class SeenTargets:
    """What a few graphs in a row show together; holds no tensor and no node of a graph."""

    def __init__(self) -> None:
        self.words: Words | None = None
        """Of the first attention that sees them; None where that was not so in all graphs."""
        self._graphs: list[list[Reading]] = []
        self._awaited: list[list[Reading]] = []

    def begin_round(self) -> None:
        """Graphs from now on are read together."""
        self._graphs = []

    def end_round(self) -> None:
        """All of them were read; their figures may still be on their way."""
        self._awaited, self._graphs = self._graphs, []

    def add(
        self, graph: Graph, roots: Sequence[Tensor], places: Places, readback: Readback
    ) -> None:
        """Reads a graph."""
        self._graphs.append([] if in_transform() else list(_read(graph, roots, places, readback)))

    def settle(self) -> None:
        """Says what was found as soon as the figures have arrived; never waits."""
        if self._awaited and all(one.readback.ready for graph in self._awaited for one in graph):
            found = [_verdict(graph) for graph in self._awaited]
            self.words = found[0] if all(found) else None
            self._awaited = []


def _read(
    graph: Graph, roots: Sequence[Tensor], places: Places, readback: Readback
) -> Iterator[Reading]:
    entered = [node for node, name in graph.names.items() if name.startswith(EMBEDDING)]
    if not 0 < len(entered) <= MOST_EMBEDDINGS:
        return
    for _, loss in losses_of(roots, CROSS_ENTROPY):
        targets = _integers(loss, "target")
        if targets is None:
            continue
        ignored = signed(loss._saved_ignore_index)  # noqa: SLF001  # a number
        for number, node in enumerate(entered):
            tokens = _integers(node, "indices")
            if tokens is None or tokens.dim() != 2 or tokens.device != targets.device:
                continue
            for one in shifted(tokens, targets, ignored):
                # Those of the processor are at hand: most models need no further look.
                if one.figures.is_cpu and not is_next(one.figures.tolist()):
                    continue
                positions = Positions(one.samples, one.length)
                users = graph.users()
                found = attentions(graph, users, positions, len(one.is_proof))
                if not found:
                    continue
                kept = positions.below([loss], graph)
                above = [positions.above(each, kept, users) for each in entered]
                found.sort(key=lambda each: sequence_number(each.node))
                yield Reading(
                    number,
                    readback,
                    readback.add(_figures(one, found)),
                    tuple(
                        frozenset(i for i, nodes in enumerate(above) if each.node in nodes)
                        for each in found
                    ),
                    tuple(_words(each, len(found), graph, places) for each in found),
                )


def _integers(node: Node, name: str) -> Tensor | None:
    """What a node has kept, where it can be read."""
    found = saved_tensor(node, name)
    if found is None or unreadable(found) is not None or not found.numel():
        return None
    return None if found.is_floating_point() else plain(found).long()


def _figures(one: Shifted, found: Sequence[Attention]) -> Tensor:
    proofs = one.is_proof.sum().clamp(min=1)
    everything = torch.ones_like(proofs, dtype=torch.float32)
    shares = [
        part
        for each in found
        for part in (
            (each.sees_next & one.is_proof).sum() / proofs,
            everything if each.passed is None else each.passed,
        )
    ]
    return torch.cat([one.figures, torch.stack(shares)])


def _words(one: Attention, count: int, graph: Graph, places: Places) -> Words:
    operation = "scaled_dot_product_attention" if one.is_fused else "softmax"
    return operation, _layer_before(one.node, graph, places), str(one.shape[-1]), str(count)


def _layer_before(node: Node, graph: Graph, places: Places) -> str:
    """The nearest layer whose weights make what an attention is given; empty where none is."""

    def layers_at(one: Node) -> list[str]:
        used = (places.layer_of(weight) for weight in graph.parameters_of(one))
        return [layer for layer in used if layer is not None]

    found = (layers for _, layers in graph.down_from(graph.below[node], layers_at) if layers)
    return next((layers[0] for layers in found), "")


def _verdict(readings: Sequence[Reading]) -> Words | None:
    """What is wrong in a graph; None where it is not proven."""
    fetched = [(one, one.fetch().tolist()) for one in readings]
    proven = [(one, figures) for one, figures in fetched if is_next(figures)]
    embeddings = {one.embedding for one, _ in proven}
    for one, figures in proven:
        seen, passed = figures[FIGURES::2], figures[FIGURES + 1 :: 2]
        if min(seen) < NEARLY_ALL or min(passed) < LET_PASS:
            return None
        for reached, words in zip(one.reached, one.words, strict=True):
            if embeddings <= reached:
                return words
    return None
