"""How much the samples of a batch differ."""

from __future__ import annotations

SAME = 1e-6
"""Share of a batch that differs from sample to sample, below which there is only rounding."""
