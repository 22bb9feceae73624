"""Numbers with no more digits than a reader sees: what is left out packs into nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradwidget.view.protocol.codec import Array

STATISTIC_BITS = 16
"""Of the 23 bits behind the first digit of a float32, left out at most: within 0.4 %."""
SCALAR_BITS = 12
"""Within 0.03 %: three digits of a loss, of which there is one a step and not one a layer."""
SEEN = 2
"""Bits of a usual change from one column to the next that stay: a slow course is drawn over the
whole height of its chart, and must have no steps there that the run did not have."""

OCTAVE = 1 << 23
"""A float's bits, read as an integer, follow its logarithm: a power of 2."""
SIGN, INFINITE = 1 << 31, 0x7F800000

Float32s = NDArray[np.float32]
Words = NDArray[np.int64]


def rounded_arrays(arrays: Sequence[Array]) -> list[Array]:
    """The arrays of a snapshot with fewer digits: the fewer, the more a value changes anyway.

    The extremes of a column are drawn in toward its mean to a whole number of powers of 2: they are
    for the eye, on a log axis, and a spike stays one.
    """
    means: dict[str, tuple[Float32s, Float32s]] = {}
    result = []
    for part, name, values in arrays:
        fewer = values
        if part == "scalar":
            fewer = rounded(values, spare_bits(values, SCALAR_BITS))
        elif part == "value":
            fewer = rounded(values, spare_bits(values, STATISTIC_BITS))
            means[name] = values.astype(np.float32), fewer
        elif part in {"low", "high"}:
            fewer = drawn_in(values, *means[name])
        result.append(Array(part, name, fewer))
    return result


def spare_bits(values: NDArray[np.floating], most: int) -> Words:
    """How many of the last bits of each course, a column of ``values``, can be left out.

    Example:
        >>> noisy, constant = [0.1, 0.9, 0.2, 0.7], [0.3, 0.3, 0.3, 0.3]
        >>> spare_bits(np.float32([noisy, constant]).T, 16).tolist()
        [16, 0]
    """
    is_known = np.isfinite(values)
    pairs = is_known[1:] & is_known[:-1]
    bits = np.log2(np.abs(np.diff(_words(values), axis=0)) + 1.0)
    counts = pairs.sum(axis=0)
    usual = np.where(counts, (bits * pairs).sum(axis=0) / np.maximum(1, counts), most + SEEN)
    spare: Words = np.clip(usual - SEEN, 0, most).astype(np.int64)
    return spare


def rounded(values: NDArray[np.floating], spare: Words | int) -> Float32s:
    """Float32 without so many of its last bits; NaN and infinities stay.

    Example:
        >>> rounded(np.float32([1 / 3, np.inf]), 16).tolist()
        [0.333984375, inf]
    """
    words = _words(values)
    left_out = np.asarray(spare, np.int64)
    half = np.where(left_out, (1 << np.maximum(left_out - 1, 0)) - 1 + ((words >> left_out) & 1), 0)
    up = (words + half) >> left_out << left_out
    # What would become infinite is cut instead.
    kept = np.where(up & (SIGN - 1) == INFINITE, words >> left_out << left_out, up)
    return np.where(np.isfinite(values), _floats(kept), values).astype(np.float32)


def drawn_in(extremes: NDArray[np.floating], means: Float32s, fewer: Float32s) -> Float32s:
    """Extremes whose distance from a mean is a whole number of powers of 2, at most what it was.

    One that is 0 stays 0.

    Args:
        extremes: lowest or highest values.
        means: the means that they belong to; all of it at least 0, or NaN.
        fewer: the same means, rounded.
    """
    apart = _words(extremes) - _words(means)
    octaves = np.sign(apart) * (np.abs(apart) // OCTAVE * OCTAVE)
    is_placed = np.isfinite(extremes) & np.isfinite(means) & (extremes > 0)
    return np.where(is_placed, _floats(_words(fewer) + octaves), extremes).astype(np.float32)


def _words(values: NDArray[np.floating]) -> Words:
    return np.ascontiguousarray(values, "<f4").view("<i4").astype(np.int64)


def _floats(words: Words) -> Float32s:
    return words.astype("<i4").view("<f4")
