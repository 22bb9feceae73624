"""Attention in a graph, and whether a position sees the one after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradwidget.capture.collect.lookahead.positions import Positions
from gradwidget.capture.collect.wiring.graph import VIEWS, Graph
from gradwidget.capture.model.nonlinearity import Node, softmax_dim
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.torch_private import hides_saved_tensors, output_shape, saved_tensor

FUSED = "ScaledDotProduct"
"""How the names of torch's own attention begin, where it is one operation."""
SOFTMAX = ("SoftmaxBackward0", "SafeSoftmaxBackward0")
"""What the softmax of an attention is called that is made of several."""
PRODUCT = "BmmBackward"
"""How the name of the product begins that is given its weights."""
AFTER_SOFTMAX = (*VIEWS, "NativeDropout", "Div", "Mul")
"""The same of what may lie between the two."""
SEEN = 1e-20
"""Weight from which on a position sees another: masks of -50 leave less."""
HIDDEN = -40.0
"""What is added to a score that leaves less than that."""


@dataclass(frozen=True, slots=True)
class Attention:
    """One that is over all positions, and how much of the next token each of them sees."""

    node: Node
    shape: tuple[int, ...]
    """That of the weights."""
    sees_next: Tensor | bool
    """Bool [some samples, length - 1], whether a position sees the one after it, or the same of
    all."""
    passed: Tensor | None = None
    """The share of the weights of the next positions that something after the softmax lets pass, a
    dropout or a mask; None where nothing multiplies them."""

    @property
    def is_fused(self) -> bool:
        """Whether it is one operation of torch's."""
        name: str = self.node.name()
        return name.startswith(FUSED)


def attentions(
    graph: Graph, users: Mapping[Node, Sequence[Node]], positions: Positions, rows: int
) -> list[Attention] | None:
    """All over so many positions, those in the order of the graph.

    Args:
        graph: what a backward pass can reach.
        users: what uses the result of each of its nodes.
        positions: of the tokens.
        rows: samples that are looked at.

    Returns:
        None where one of them cannot be read.
    """
    found: list[Attention] = []
    for node, name in graph.names.items():
        if not name.startswith(FUSED) and name not in SOFTMAX:
            continue
        shape = _fused_shape(node) if name.startswith(FUSED) else output_shape(node)
        if shape is None:
            return None
        if len(shape) < 3 or shape[-2:] != (positions.length,) * 2:
            continue
        if name.startswith(FUSED):
            one = _fused(node, shape, positions, rows)
        else:
            one = _by_hand(node, shape, positions, rows, _factors(node, graph, users))
        if one is None:
            return None
        found.append(one)
    return found


def _fused_shape(node: Node) -> tuple[int, ...] | None:
    """That of the weights; None where it is not known."""
    query, key = saved_tensor(node, "query"), saved_tensor(node, "key")
    if query is None or key is None or hides_saved_tensors(node):
        return None
    if unreadable(query) is not None or unreadable(key) is not None:
        return None
    return (*query.shape[:-1], key.shape[-2])


def _fused(node: Node, shape: tuple[int, ...], positions: Positions, rows: int) -> Attention | None:
    is_causal: bool | None = getattr(node, "_saved_is_causal", None)
    if is_causal is None:
        return None  # not every device tells
    if is_causal:
        return Attention(node, shape, sees_next=False)
    masks = [saved_tensor(node, name) for name in ("attn_mask", "attn_bias")]
    mask = next((one for one in masks if one is not None), None)
    if mask is None:
        return Attention(node, shape, sees_next=True)
    if unreadable(mask) is not None or not _fits(mask.shape, shape):
        return None
    mask = plain(mask).expand(shape)
    if mask.dtype is not torch.bool:
        mask = mask > HIDDEN
    seen = _next(mask, positions, rows)
    return None if seen is None else Attention(node, shape, seen)


def _fits(given: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether a tensor of one shape can be expanded to another one."""
    ends = zip(reversed(given), reversed(shape), strict=False)
    return len(given) <= len(shape) and all(one in {1, other} for one, other in ends)


def _by_hand(
    node: Node,
    shape: tuple[int, ...],
    positions: Positions,
    rows: int,
    factors: list[Tensor] | None,
) -> Attention | None:
    weights = saved_tensor(node, "result")
    if factors is None or weights is None or unreadable(weights) is not None:
        return None
    if softmax_dim(node) not in {-1, len(shape) - 1}:
        return None
    seen = _next(plain(weights), positions, rows)
    if seen is None:
        return None
    passed = [
        (one.diagonal(1, -2, -1) != 0).float().mean()
        for one in factors
        if one.shape[-2:] == shape[-2:]
    ]
    return Attention(node, shape, seen > SEEN, torch.stack(passed).amin() if passed else None)


def _next(weights: Tensor, positions: Positions, rows: int) -> Tensor | None:
    """What any head of each sample has at the next positions; None where samples are not first."""
    heads, rest = divmod(weights.shape[0], positions.samples)
    if rest:
        return None
    following = weights.diagonal(1, -2, -1)[: rows * heads]
    return following.reshape(rows, -1, positions.length - 1).amax(1)


def _factors(
    softmax: Node, graph: Graph, users: Mapping[Node, Sequence[Node]]
) -> list[Tensor] | None:
    """What weights are multiplied by on their way to a product; None where none is found there."""
    waiting, seen, found = list(users.get(softmax, ())), set[Node](), list[Tensor]()
    is_used = False
    while waiting:
        node = waiting.pop()
        name = graph.names[node]
        is_used |= name.startswith(PRODUCT)
        if node in seen or not name.startswith(AFTER_SOFTMAX):
            continue
        seen.add(node)
        if name.startswith("Mul"):
            if len(graph.below[node]) > 1 or hides_saved_tensors(node):
                return None
            found += [plain(one) for one in _multiplied(node)]
        waiting += users.get(node, ())
    return found if is_used else None


def _multiplied(node: Node) -> Iterator[Tensor]:
    """The tensors that a product of entries has kept."""
    for name in ("other", "self"):
        one = saved_tensor(node, name)
        if one is not None and unreadable(one) is None and one.dim() > 1:
            yield one
