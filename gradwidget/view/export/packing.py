"""The messages that a page gets on opening, with their buffer, small enough for a file.

Its twin is js/src/protocol/packing.ts. Packed, deflated as zlib does it, are the length of the JSON
as four bytes, the JSON of the messages, and the buffer of the snapshot: of each 4-byte word the
difference from the step before (of an extreme: from the mean), and of these first the highest byte
of all, then the next.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradwidget.view.protocol.codec import Array, decode
from gradwidget.view.protocol.messages import Block, ControlState, Snapshot
from gradwidget.view.protocol.sendable import sendable

BIAS = 0x800000
"""Added to every difference, so that small ones of either sign share their highest byte."""
WORD = 4
LEVEL = 6
"""A higher one takes ten times as long for a thirtieth of the size."""


def packed(snapshot: Snapshot, data: bytes, control: ControlState) -> bytes:
    """What a page is told on opening.

    Args:
        snapshot: everything that was measured.
        data: its buffer.
        control: what was changed in the loop.
    """
    messages = json.dumps(sendable([snapshot, control]), allow_nan=False).encode()
    words = _differences(snapshot["blocks"], data)
    planes = words.astype(">u4").view(np.uint8).reshape(-1, WORD).T
    whole = struct.pack("<I", len(messages)) + messages + planes.tobytes()
    return zlib.compress(whole, LEVEL)


def _differences(blocks: Sequence[Block], data: bytes) -> NDArray[np.uint32]:
    result = bytearray(data)
    means: dict[str, NDArray[np.uint32]] = {}
    for old, new in zip(decode(blocks, data), decode(blocks, result), strict=True):
        own, into = _words(old), _words(new)
        if old.part in {"low", "high"}:
            into -= means[old.name]
        else:
            into[1:] -= own[:-1]
        into += np.uint32(BIAS)
        if old.part == "value":
            means[old.name] = own
    return np.frombuffer(result, "<u4")


def _words(array: Array) -> NDArray[np.uint32]:
    """[rows, words] of an array, as a view."""
    flat = array.values.reshape(-1).view("<u4")
    return flat.reshape(len(array.values), -1) if flat.size else flat
