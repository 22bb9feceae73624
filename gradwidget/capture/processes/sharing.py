"""Which processes have parts of the same outputs, and which have other samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradwidget.capture import unmeasured
from gradwidget.capture.model.output_place import Place
from gradwidget.frame import BoolArray

ALIKE = 1e-5
"""Part by which figures of the same entries differ at most: threads may add in another order."""

Places = Mapping[str, Place | None]
"""By layer: what a process has of its output; None where that differs from call to call."""

Figures = NDArray[np.float64]


class Sharing(NamedTuple):
    """How the processes of a training share the outputs of layers."""

    counted: BoolArray
    """[processes, layers]: whether the part of a process counts: of several copies the first
    does."""

    batches: NDArray[np.intp]
    """[layers]: how many parts of the batch all have together: processes that share a layer have
    the same."""

    lost: Mapping[int, str]
    """Why no part of a layer is known to be all of it, by its row, in a sentence."""


def sharing(names: Sequence[str], figures: Figures, places: Sequence[Places]) -> Sharing:
    """How the outputs of layers are shared.

    Args:
        names: of the layers.
        figures: [processes, figures, layers]; NaN where a layer has none.
        places: what each process has told of layers that tensor parallel divides.
    """
    count = len(names)
    if not any(places):
        # Those with the same figures throughout have the same samples.
        group_of: dict[bytes, int] = {}
        groups = [group_of.setdefault(one.tobytes(), at) for at, one in enumerate(figures)]
        first: BoolArray = np.array(groups) == np.arange(len(groups))
        return Sharing(np.tile(first[:, None], count), np.full(count, len(group_of)), {})
    together = _together(places)
    counted = np.zeros((len(places), count), np.bool_)
    batches = np.ones(count, np.intp)
    lost: dict[int, str] = {}
    for row, name in enumerate(names):
        told = [one.get(name) for one in places]
        if any(name in one for one in places):
            known = [one for one in told if one is not None]
            shares = [one.share for one in known]
            batches[row] = len(set(shares))
            counted[:, row] = [one is not None and one.counts for one in told]
            if len(known) < len(told) or any(shares.count(one) < one[1] for one in set(shares)):
                lost[row] = unmeasured.output(unmeasured.MISSING_PART)
            elif len({(one.first, one.units) for one in known}) > len(set(shares)):
                # Of uneven parts that were put together as even ones.
                lost[row] = unmeasured.output(unmeasured.UNLIKE)
        else:
            leaders = figures[together, :, row]
            batches[row] = len(set(together.tolist()))
            counted[:, row] = together == np.arange(len(places))
            if not np.allclose(figures[:, :, row], leaders, rtol=ALIKE, atol=0, equal_nan=True):
                lost[row] = unmeasured.output(unmeasured.UNLIKE)
    return Sharing(counted, batches, lost)


def _together(places: Sequence[Places]) -> NDArray[np.intp]:
    """Of each process the first of those with the same samples: that share any layer."""
    found = list(range(len(places)))
    first_of: dict[tuple[int, int], int] = {}
    for at, told in enumerate(places):
        for one in {place.share for place in told.values() if place is not None}:
            other = found[first_of.setdefault(one, at)]
            low, high = min(found[at], other), max(found[at], other)
            found = [low if first == high else first for first in found]
    return np.array(found, np.intp)
