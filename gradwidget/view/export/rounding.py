"""Numbers with no more digits than a reader sees: what is left out packs into nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradwidget.view.protocol.codec import Array

STATISTIC_BITS = 7
"""Of the 23 bits behind the first digit of a float32: within 0.4 %."""
SCALAR_BITS = 11
"""Within 0.03 %: three digits of a loss, of which there is one a step and not one a layer."""

OCTAVE = 1 << 23
"""A float's bits, read as an integer, follow its logarithm: a power of 2."""
INFINITE = 0x7F800000
MANTISSA = 23

Float32s = NDArray[np.float32]
Words = NDArray[np.int64]


def rounded_arrays(arrays: Sequence[Array]) -> list[Array]:
    """The arrays of a snapshot with fewer digits; the newest of each stay as they were measured.

    The extremes of a column are drawn in toward its mean to a whole number of powers of 2: they are
    for the eye, on a log axis, and a spike stays one.
    """
    means: dict[str, tuple[Float32s, Float32s]] = {}
    result = []
    for array in arrays:
        part, name, values = array
        if part == "scalar":
            values = _but_newest(values, rounded(values, SCALAR_BITS))  # noqa: PLW2901 - the same, rounded
        elif part == "value":
            fewer = rounded(values, STATISTIC_BITS)
            means[name] = values.astype(np.float32), fewer
            values = _but_newest(values, fewer)  # noqa: PLW2901 - as above
        elif part in {"low", "high"}:
            values = _but_newest(values, drawn_in(values, *means[name]))  # noqa: PLW2901 - as above
        result.append(Array(part, name, values))
    return result


def rounded(values: NDArray[np.floating], bits: int) -> Float32s:
    """Float32 with only so many bits behind the first digit; NaN and infinities stay.

    Example:
        >>> rounded(np.float32([1 / 3, np.inf]), 7).tolist()
        [0.333984375, inf]
    """
    words = _words(values)
    left_out = MANTISSA - bits
    half = (1 << (left_out - 1)) - 1
    up = (words + half + ((words >> left_out) & 1)) >> left_out << left_out
    # What would become infinite is cut instead.
    kept = np.where(up == INFINITE, words >> left_out << left_out, up)
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


def _but_newest(values: NDArray[np.floating], fewer: Float32s) -> Float32s:
    fewer[-1:] = values[-1:]
    return fewer


def _words(values: NDArray[np.floating]) -> Words:
    return np.ascontiguousarray(values, "<f4").view("<i4").astype(np.int64)


def _floats(words: Words) -> Float32s:
    return words.astype("<i4").view("<f4")
