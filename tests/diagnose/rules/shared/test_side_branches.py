"""Of branches that leave a frozen trunk one may get little where another gets its share."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import LOSS, Layer, Wiring
from tests.support.frames import chain, found, healthy, judge


def adapters(
    inner: int, *, is_frozen: bool = True, other: float = 1.0
) -> tuple[tuple[Layer, ...], dict[str, object]]:
    """Queries with so many layers and values beside each other, then three layers to the loss.

    Args:
        inner: layers of the queries, which get a thousandth of the gradient.
        is_frozen: whether a layer that is not trained has run before.
        other: what the values get.
    """
    first, *rest = chain(inner + 6)
    names = [layer.name for layer in rest]
    queries, values, behind = names[:inner], names[inner : inner + 2], names[inner + 2 :]
    feeds = {
        name: (after,)
        for way in ([*queries, behind[0]], [*values, behind[0]], [*behind, LOSS])
        for name, after in pairwise(way)
    }
    if not is_frozen:
        # The data enters the first layer, which is one of the values.
        feeds[first.name] = (values[0],)
    share = np.array([other] + [1e-3] * inner + [other] * 2 + [1.0] * 3)
    if is_frozen:
        share[0] = np.nan
    layers = (replace(first, trainable=not is_frozen), *rest)
    return layers, healthy(
        len(layers), act_grad_rms=share, act_grad_norm=share, wiring=Wiring(feeds=feeds)
    )


def test_a_short_branch_beside_one_that_gets_its_share_is_no_vanishing_gradient() -> None:
    assert found(judge(30, *adapters(2))[0]) == set()


@pytest.mark.parametrize(
    ("inner", "is_frozen", "other"), [(2, False, 1.0), (4, True, 1.0), (2, True, 1e-3)]
)
def test_a_long_one_or_one_that_data_enters_is_and_where_all_get_little(
    inner: int, *, is_frozen: bool, other: float
) -> None:
    layers, values = adapters(inner, is_frozen=is_frozen, other=other)
    assert found(judge(30, layers, values)[0]) == {Symptom.VANISHING_GRADIENTS}
