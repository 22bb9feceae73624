"""Arrays as bytes: the one binary format between Python and the page.

Its twin is js/src/protocol/codec.ts. Blocks follow each other in one buffer, little endian, each
starting at a multiple of 8 bytes so that the page can read them in place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradwidget.view.protocol.messages import Block

ALIGNMENT = 8

Part = Literal["steps", "scalar", "sampled", "value", "low", "high"]


class Array(NamedTuple):
    """An array on its way to the page."""

    part: Part
    name: str
    values: NDArray[np.float32] | NDArray[np.float64]


def encode(arrays: Sequence[Array]) -> tuple[list[Block], bytes]:
    """Describes the arrays, and their bytes one after the other.

    Example:
        >>> blocks, data = encode([Array("scalar", "loss", np.float32([0.5]))])
        >>> blocks, len(data)
        ([{'part': 'scalar', 'name': 'loss', 'dtype': 'float32', 'shape': [1]}], 8)
    """
    blocks: list[Block] = []
    pieces: list[bytes] = []
    for part, name, values in arrays:
        double = values.dtype == np.float64
        data = np.ascontiguousarray(values, "<f8" if double else "<f4").tobytes()
        blocks.append(
            Block(
                part=part,
                name=name,
                dtype="float64" if double else "float32",
                shape=list(values.shape),
            ),
        )
        pieces += [data, bytes(-len(data) % ALIGNMENT)]
    return blocks, b"".join(pieces)


def decode(blocks: Sequence[Block], data: bytes | bytearray) -> list[Array]:
    """The arrays again, as views of their bytes.

    Example:
        >>> [array] = decode(*encode([Array("scalar", "loss", np.float32([0.5]))]))
        >>> array.name, array.values
        ('loss', array([0.5], dtype=float32))
    """
    arrays: list[Array] = []
    start = 0
    for block in blocks:
        dtype = np.dtype("<f8" if block["dtype"] == "float64" else "<f4")
        size = math.prod(block["shape"])
        values = np.frombuffer(data, dtype, size, start).reshape(block["shape"])
        arrays.append(Array(block["part"], block["name"], values))
        start += -(-values.nbytes // ALIGNMENT) * ALIGNMENT
    return arrays
