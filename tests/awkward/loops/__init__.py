"""Awkward loops of every kind; importing this registers all of them."""

from tests.awkward.loops import (
    graphs,
    inplace,
    outputs,
    ownership,
    precision,
    recurrent,
    scaling,
    several,
    stepping,
    structure,
    wrapped,
)

__all__ = [
    "graphs",
    "inplace",
    "outputs",
    "ownership",
    "precision",
    "recurrent",
    "scaling",
    "several",
    "stepping",
    "structure",
    "wrapped",
]
