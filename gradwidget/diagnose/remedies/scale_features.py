"""Features of a table, each of a size that layers can handle."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy


def scale_features(window: Window) -> Remedy | None:
    """Scales each feature by itself, by the first batch: for columns of very different sizes.

    None where what the inputs enter is not made of linear layers, as for a table.
    """
    kinds = {window.layers[i].kind for i in np.flatnonzero(~window.paths.fed)}
    if kinds != {"Linear"}:
        return None
    return Remedy(
        title="Scale each feature by itself",
        why="One scale for all leaves a year beside an income of 50,000 without effect: each "
        "column of a table needs its own mean and standard deviation.",
        code="""\
# Better: by the statistics of the training data, once. This takes those of the first batch
# (handle.remove() undoes it):
measured = []

def scale(module, inputs):
    x = inputs[0] if inputs else None
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.dim() != 2 or len(x) < 2:
        return None
    if not measured:
        deviation = x.std(0)
        # A column that is constant so far is scaled as the whole is.
        measured.extend([x.mean(0), torch.where(deviation > 0, deviation, x.std() + 1e-12)])
    mean, deviation = measured
    return ((x - mean) / deviation, *inputs[1:])

handle = model.register_forward_pre_hook(scale)
""",
    )
