"""Which modules are divided: those whose own weights are used one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.collect.wiring.operations import Operation, operations_in
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.model.weight_rows import Own, Position, full_name
from gradwidget.frame import ROOT

CHAIN = 3
"""Weights in a row from which a module that is called is no layer but holds layers.

Two are the factors of one weight, as in an adapter, or the two of a block.
"""


class Division(NamedTuple):
    """The rows that parameters belong to, and where these run."""

    rows: Mapping[Own, str]
    positions: Mapping[str, Position]


def division_of(graph: Graph, table: LayerTable, places: Places) -> Division | None:
    """How modules that are not yet divided are to be; None where none is.

    A module that merely holds parameters (an ``nn.ParameterList``, or the model itself) is divided
    where one of its weights comes after another on the way to the loss; one that is called only
    where all of its weights are a chain of at least three. Weights beside each other, those of an
    attention, of an adapter or of a recurrent cell are one layer.

    Args:
        graph: what a backward pass can reach.
        table: the layers.
        places: where modules that ran are in the graph.
    """
    operations = operations_in(graph, table)
    weights: dict[str, list[int]] = {}
    for number in dict.fromkeys(one.numbers[0] for one in operations if one.is_product):
        for layer, _ in table.divisible[number]:
            if layer not in table.divided:
                weights.setdefault(layer, []).append(number)
    weights = {layer: own for layer, own in weights.items() if len(own) > 1}
    if not weights:
        return None
    before = _before(graph, operations)
    chosen = {
        layer
        for layer, own in weights.items()
        if _is_chain(
            {number: before[number] for number in own}, is_strict=not _only_holds(layer, places)
        )
    }
    return _divided(chosen, operations, table, places) if chosen else None


def _only_holds(layer: str, places: Places) -> bool:
    """Whether a module holds parameters that are used outside of it, or is the model itself."""
    return layer == ROOT or not places.has_run(layer)


def _is_chain(before: Mapping[int, int], *, is_strict: bool) -> bool:
    """Whether weights come one after the other.

    Args:
        before: what each one comes after, itself perhaps, as bits.
        is_strict: whether this is to hold for every two of them.
    """
    every = sum(1 << number for number in before)
    if not is_strict:
        return any(bits & every & ~(1 << number) for number, bits in before.items())
    if len(before) < CHAIN:
        return False
    lengths = sorted((bits & every).bit_count() for bits in before.values())
    return lengths == list(range(len(before)))


def _before(graph: Graph, operations: Iterable[Operation]) -> dict[int, int]:
    """The weights that come before each one on some way to the loss, as bits."""
    own: dict[Node, Operation] = {one.node: one for one in operations if one.is_product}
    found: dict[int, int] = {}
    passed: dict[Node, int] = {}
    for node in reversed(list(graph.from_the_top())):
        bits = 0
        for one in graph.below[node]:
            bits |= passed[one]
        if node in own:
            number = own[node].numbers[0]
            found[number] = found.get(number, 0) | bits
            bits |= 1 << number
        passed[node] = bits
    return found


def _divided(
    chosen: set[str], operations: Iterable[Operation], table: LayerTable, places: Places
) -> Division:
    rows: dict[Own, str] = {}
    orders: dict[str, int] = {}
    for one in operations:
        owners = [owner for owner in table.divisible[one.numbers[0]] if owner[0] in chosen]
        if not owners:
            continue
        # Some models register all of their parameters a second time.
        owner = min(owners, key=lambda owner: len(full_name(*owner)))
        row = rows.setdefault(owner, full_name(*owner))
        rows |= {one: row for one in owners if one not in rows and _only_holds(one[0], places)}
        orders.setdefault(row, one.order)
        for number in one.numbers[1:]:
            for layer, local in table.divisible[number]:
                # What is called has a row of its own.
                if layer in chosen or _only_holds(layer, places):
                    rows.setdefault((layer, local), row)
    # What is left of a module that is divided.
    divided = {layer for layer, _ in rows}
    for owners in table.divisible.values():
        for layer, local in owners:
            if layer in divided:
                rows.setdefault((layer, local), full_name(layer, local))
    last = max(orders.values())
    ordered = sorted(dict.fromkeys(rows.values()), key=lambda row: orders.get(row, last))
    return Division(
        rows,
        {
            row: Position(places.ran_before(orders.get(row, last), divided), place)
            for place, row in enumerate(ordered)
        },
    )
