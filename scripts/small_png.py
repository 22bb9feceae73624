"""Writes a screenshot with 256 colors, a third of its size and to the eye the same."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

# The browser has a decoder at hand.
PIXELS = """async (png) => {
    const image = await fetch(`data:image/png;base64,${png}`);
    const bitmap = await createImageBitmap(await image.blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const bytes = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) {
        text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    }
    return [bitmap.width, bitmap.height, btoa(text)];
}"""


def small_png(page: Page, png: bytes) -> bytes:
    """The same picture in its 256 most frequent colors; the others go to the nearest of them."""
    width, height, text = page.evaluate(PIXELS, base64.b64encode(png).decode())
    pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, 4)[:, :3]
    # Colors a few shades apart are one, or the ramps of anti-aliased text would take the whole
    # palette.
    colors, where, counts = np.unique(pixels // 6, axis=0, return_inverse=True, return_counts=True)
    palette = colors[np.argsort(-counts)[:256]]
    nearest = np.array([_nearest(palette, color) for color in colors], np.uint8)
    sums = np.zeros((len(palette), 3))
    chosen = nearest[where.reshape(-1)]
    np.add.at(sums, chosen, pixels)
    shades = (
        (sums / np.maximum(1, np.bincount(chosen, minlength=len(palette)))[:, None])
        .round()
        .astype(np.uint8)
    )
    rows = np.hstack([np.zeros((height, 1), np.uint8), chosen.reshape(height, width)])
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", header),
        (b"PLTE", shades.tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _nearest(palette: NDArray[np.uint8], color: NDArray[np.uint8]) -> int:
    return int(np.square(palette.astype(int) - color).sum(axis=1).argmin())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
