"""What only a second run decides: learning rates and plateaus."""

from __future__ import annotations

import math

import numpy as np

from evaluation.truth import rerun
from evaluation.truth.fact import NO, Answer, Fact
from evaluation.truth.labels import Witness
from evaluation.truth.rerun import LAST

LOWER, HIGHER = (0.1, 0.02), (10.0, 300.0, 30000.0)
"""By what the learning rate is multiplied."""

CONVERGED = 0.02
"""Share of its start below which a loss has nothing left to halve: converged, and silence is right.
"""


def learning(witness: Witness) -> dict[str, Fact]:
    """What second runs show: at other learning rates, and with the fault removed."""
    run, conditions, moments = witness.run, witness.conditions, witness.moments
    start = moments[0].probe_loss
    reference = moments[run.onset - 1].probe_after if run.onset else start
    final = float(np.mean([m.probe_after for m in moments[-LAST:]]))
    plateau: Answer
    if not math.isfinite(final):
        # It ended in NaN: that is what there is to say about it, and where it was high, no
        # improvement is true as well.
        plateau = "either" if reference > 0.5 * start else "no"
        return {
            "lr_too_high": Fact("either", math.nan),
            "lr_too_low": NO,
            "plateau": Fact(plateau, math.nan),
        }
    floor = CONVERGED * start
    ended = max(final, floor)
    lower = higher = math.inf
    if 0.5 * ended >= floor:
        lower = min(max(rerun.final_loss(run, conditions, factor), floor) for factor in LOWER)
        higher = min(max(rerun.final_loss(run, conditions, factor), floor) for factor in HIGHER)
    improvement = (reference - final) / abs(reference)
    stuck = reference > 0.5 * start and improvement <= 0.2
    best = min(lower, higher)
    if stuck and run.has:
        best = min(best, rerun.cured(run, conditions))
    stuck &= best <= 0.75 * reference
    plateau = "no" if not stuck else "yes" if improvement < 0.05 else "either"
    return {
        "lr_too_high": Fact("yes" if lower <= 0.5 * ended else "no", lower / ended, (), run.onset),
        "lr_too_low": Fact("yes" if higher <= 0.5 * ended else "no", higher / ended, (), run.onset),
        "plateau": Fact(plateau, improvement, (), run.onset),
    }
