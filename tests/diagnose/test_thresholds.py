from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from gradwidget import Thresholds
from gradwidget.diagnose.thresholds import DEFAULT


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vanishing_ratio": -1e-3}, "vanishing_ratio must be a finite number, at least 0"),
        ({"growth": float("nan")}, "growth must be a finite number, at least 0, not nan"),
        ({"exploding_ratio": float("inf")}, "exploding_ratio must be a finite number"),
        ({"dead_share": "0.9"}, "dead_share must be a finite number, at least 0, not '0.9'"),
        ({"window": 0}, "window must be a whole number, at least 1, not 0"),
        ({"window": 9.5}, "window must be a whole number, at least 1, not 9.5"),
        ({"recovery_steps": -1}, "recovery_steps must be a whole number, at least 0"),
    ],
)
def test_a_bound_that_means_nothing_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Thresholds(**changes)


def test_every_bound_may_be_given_as_a_number_of_numpy() -> None:
    given: dict[str, Any] = {
        field.name: (np.int64 if isinstance(field.default, int) else np.float64)(
            getattr(DEFAULT, field.name)
        )
        for field in fields(Thresholds)
    }
    assert Thresholds(**given) == DEFAULT


def test_the_bounds_of_one_frame_keep_what_was_changed() -> None:
    assert Thresholds(vanishing_ratio=1e-6).of_one_frame.vanishing_ratio == 1e-6
    assert DEFAULT.of_one_frame.window == 1
