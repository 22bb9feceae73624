"""What the code of remedies leaves switched on is switched off again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def anomaly_mode_as_before() -> Iterator[None]:
    """One remedy has torch look for the origin of a NaN, in the whole process."""
    with torch.autograd.set_detect_anomaly(torch.is_anomaly_enabled()):
        yield
