"""What a run file may hold at most, so that reading one takes bounded memory.

The recorder keeps to these bounds, and a reader refuses what is beyond them before it makes room
for it: a file may come from anywhere.
"""

from __future__ import annotations

MIB = 2**20

BLOCK_BYTES = 16 * MIB
"""Of one block, decompressed. The recorder ends a block after 1 MiB and the message that passes
it."""
MESSAGE_BYTES = 7 * MIB
"""Of one message: a frame of 40,000 layers with every metric takes 6 MiB."""
MESSAGE_PARTS = 1_000_000
"""Commas and brackets in one message: each may stand for an object of some 80 bytes."""
WINDOW_BYTES = 8 * MIB
"""Memory that the decompressor may use to look back."""

MOST_LAYERS = 40_000
"""Layers of a run; their history takes 230 MiB."""
MOST_SCALARS = 256
"""Names of scalars, each of which takes 25 kB of history. gradwidget has some thirty of its own,
and 64 of the user's."""
MOST_PROFILES = 1_000
"""Recurrent layers, or directions of them, in one frame."""
MOST_FINDINGS = 1_000
"""Findings, changes and problems, each, at one time."""
MOST_RANKS = 10_000
"""Processes of a training; the others are left out."""
MOST_SHAPES = 256
"""Parameters of one layer."""
MOST_STEP = 2**53
"""The largest number of a step: a page counts in float64."""

LONGEST_NAME = 4_096
"""Characters of a layer's or scalar's name; a longer one is cut."""
LONGEST_TEXT = 20_000
"""Characters of a message, a traceback or a remedy's code; a longer one is cut."""


MOST_PLACES = 1_024
"""Blocks that an overview may be in."""
MOST_ROWS = 4_096
"""Frames with scalars alone, or losses, that stand in one message at most."""

# What reading takes is counted, in seconds of a usual processor: a few bytes can stand for hours.

RECORD_SECONDS = 1e-5
"""Of a record of the container."""
BLOCK_BYTE_SECONDS = 5e-9
"""Of a byte of a block: decompressed, and its checksum computed."""


TURN_SECONDS = 1.6
"""Of reading at a time: what a long run needs that is opened by its overview, and some more."""


def patience(size: int) -> float:
    """Seconds that reading a file of ``size`` bytes may take: a few times what it can need."""
    return 1.0 + 2e-6 * size


def message_seconds(size: int, parts: int) -> float:
    """Seconds that parsing a message of ``size`` bytes and ``parts`` values takes."""
    return 2e-5 + 1e-8 * size + 4e-7 * parts


def frame_seconds(values: int, tracked: int, scalars: int) -> float:
    """Seconds that reading a frame takes, about.

    Args:
        values: by layer, in the frame.
        tracked: by layer, that any frame has had: what is not measured is noted.
        scalars: names of scalars that any frame has had.
    """
    return 2e-5 + 8e-9 * tracked + 1.5e-6 * scalars + (1e-4 + 1.6e-7 * values if values else 0.0)


def rearranging_seconds(tracked: int, frames: int) -> float:
    """Seconds that it takes where the layers change after ``frames`` frames."""
    return 1e-3 + 1e-8 * tracked * min(frames, 1_300)


def frame_bytes(layers: int) -> int:
    """Bytes of one frame's message at most: the newest 64 frames are kept as they came."""
    return min(MESSAGE_BYTES, MIB + 512 * layers)


def table_bytes(layers: int) -> int:
    """Bytes at most of what describes ``layers`` layers, or their wiring."""
    return min(MESSAGE_BYTES, MIB // 4 + 512 * layers)
