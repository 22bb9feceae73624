"""A long run costs no more memory than a short one."""

from __future__ import annotations

import pytest

from tests.support.runs.long_run import readings


@pytest.mark.slow
def test_fifty_thousand_steps_of_200_layers_take_what_five_thousand_do() -> None:
    (_, _, early), *_, (_, history, late) = readings(50_000)
    assert history < 64 * 2**20
    assert late - early < 2 * 2**20
