"""The zoo: importing it registers every awkward loop."""

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
