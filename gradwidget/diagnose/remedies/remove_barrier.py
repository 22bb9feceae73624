"""Change what keeps the network from learning at all."""

from __future__ import annotations

from gradwidget.diagnose.evidence.obstacle import Barrier
from gradwidget.diagnose.finding import Remedy


def remove_barrier(barrier: Barrier) -> Remedy:
    """Says where to look; often only a change of the model or of the loss can do it."""
    return Remedy(title=barrier.title, why=barrier.why, code=barrier.code)
