"""Screenshots as the documents have them: few colors, to the eye the same, a third of the size.

An octree keeps the ramp of the heatmap, of which a median cut makes some bands.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def few_colors(png: bytes, method: Image.Quantize = Image.Quantize.FASTOCTREE) -> Image.Image:
    """A screenshot in its 256 most useful colors."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    return picture.quantize(256, method, dither=Image.Dither.NONE)


def in_colors_of(palette: Image.Image, png: bytes) -> Image.Image:
    """A screenshot in the colors of another."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)
