"""The history of a metric as a small PNG: one line of pixels per layer, one column per stretch."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.summary.layer_state import LayerState
from gradwidget.diagnose.summary.state_look import LOOKS
from gradwidget.record.history import History

RAMP = ("#f4f6fa", "#ceddf0", "#8cb8dc", "#4a8cb4", "#286282", "#103450")
"""From low to high, as the style sheet of the page has it."""

SHADES = 48
NOT_FINITE, NOTHING = SHADES, SHADES + 1


def heatmap_png(
    history: History, metric: str, layers: Sequence[int], width: int, *, log: bool
) -> bytes:
    """A PNG of ``width`` by ``len(layers)`` pixels, to be stretched.

    A pixel shows what was measured last at or before its step; it is transparent where nothing was.

    Args:
        history: what was measured, at least one frame.
        metric: which statistic.
        layers: places of the layers, top first.
        width: pixels; steps are spread evenly over them.
        log: whether the shades follow the logarithm.
    """
    values = history[metric][:, layers].astype(np.float64)
    measured = history.measured(metric)[:, layers]
    steps = history.steps
    at = np.linspace(steps[0], steps[-1], width)
    columns = np.searchsorted(steps, at, "right") - 1
    # For each layer the last column in which it was measured, of all columns before.
    last = np.where(measured, np.arange(len(steps))[:, np.newaxis], -1)
    last = np.maximum.accumulate(last, axis=0)[columns]
    seen = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = np.log10(seen) if log else seen
    sizes[seen == 0] = -np.inf if log else 0
    finite = sizes[np.isfinite(sizes)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    shades = (sizes - low) / max(high - low, 1e-9) * (SHADES - 1)
    pixels = np.nan_to_num(np.clip(shades, 0, SHADES - 1)).astype(np.uint8)
    pixels[~np.isfinite(seen)] = NOT_FINITE
    pixels[last < 0] = NOTHING
    return _png(np.ascontiguousarray(pixels.T))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    height, width = pixels.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = pixels
    opaque = b"\xff" * NOTHING + b"\x00"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", _palette()),
            (b"tRNS", opaque),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _palette() -> bytes:
    stops = np.array([list(bytes.fromhex(color[1:])) for color in RAMP], np.float64)
    places = np.linspace(0, len(RAMP) - 1, SHADES)
    shades = np.stack([np.interp(places, range(len(RAMP)), channel) for channel in stops.T], axis=1)
    not_finite = bytes.fromhex(LOOKS[LayerState.NONFINITE].color_light[1:])
    return shades.round().astype(np.uint8).tobytes() + not_finite + b"\xff\xff\xff"
