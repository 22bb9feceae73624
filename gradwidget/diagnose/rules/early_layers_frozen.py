"""Layers near the output change, layers near the input hardly do.

What counts is the true change of the weights, whatever the optimizer: Adam moves a layer whose
gradient has vanished, SGD does not. Not reported: layers that are frozen on purpose (they are not
trainable), embeddings of which a batch contains few rows, norm layers and biases, a head that
starts at zero and so moves by many times its norm, a task that is solved.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.vanishing_gradients import BLOCKS
from gradwidget.frame import BoolArray
from gradwidget.record.history import RECENT
from gradwidget.wording import names, times_less

NEWEST = 3
"""Newest frames in most of which layers move that are frozen no longer.

Those of ``window`` may reach back hundreds of steps to before a rate was raised.
"""

SOLVED = 0.01
"""Share of the loss at the start below which nothing is left that early layers would have to do."""


def early_layers_frozen(window: Window, active: Finding | None) -> Detection | None:
    """Early layers whose weights move far less than those of late ones."""
    is_early = active is None and window.history.version < 2 * window.limits.window
    if is_early or window.level_left < SOLVED:
        return None
    # How far the layers move; one without any gradient is left to the rule no_gradient.
    moves = window.moves
    cut_off = window.median("grad_is_none") > 0
    known = np.flatnonzero(window.traits.matrices & window.trainable & ~np.isnan(moves) & ~cut_off)
    if known.size < window.limits.minimum_chain:
        return None
    early, late = known[: known.size // 2], known[-max(1, known.size // 3) :]
    most = int(late[np.argmax(moves[late])])
    if not moves[most] > 0:
        return None
    ratio = moves / moves[most]
    # From the input on without a gap: a single quiet layer in the middle does not count.
    still = ratio[early] < window.limits.frozen_ratio
    count = int(np.argmin(still)) if not still.all() else len(early)
    if count == 0:
        return None
    # The affected layers, and since when the worst one has been still.
    affected = early[:count][np.argsort(ratio[early[:count]], kind="stable")]
    layers = tuple(window.layers[i].name for i in affected)
    value = float(ratio[affected[0]])
    moved = f"{times_less(value)} than" if value > 0 else "not at all, unlike"
    since = _since(window, int(affected[0]), most)
    # Compared with weights that each step replaces, weights that merely change seem to be still.
    blocked = any(symptom in window.active for symptom in (*BLOCKS, Symptom.LR_TOO_HIGH))
    is_new = blocked or window.step - since < 2 * (window.limits.lasting_steps - 1)
    if is_new if active is None else _moves_again(window, int(affected[0]), most):
        return None
    return Detection(
        severity="warning",
        message=f"The weights of {names(layers)}, near the input, hardly change: they move "
        f"{moved} those of {window.layers[most].name}.",
        layers=layers,
        first_step=since,
        evidence={
            "value": value,
            "bound": window.limits.frozen_ratio,
            "window": float(window.limits.window),
            "early_move": float(moves[affected[0]]),
            "late_move": float(moves[most]),
        },
        caveat="Fine if the early layers are pretrained and have a lower learning rate on purpose.",
    )


def _since(window: Window, early: int, late: int) -> int:
    """The step since which the early layer has moved so much less than the late one."""
    steps, holds = _still(window, early, late)
    return holding_since(steps, holds) if steps else window.step


def _moves_again(window: Window, early: int, late: int) -> bool:
    """Whether the early layer moves in most of the newest frames."""
    _, holds = _still(window, early, late)
    return len(holds) >= NEWEST and 2 * int(holds[:NEWEST].sum()) < NEWEST


def _still(window: Window, early: int, late: int) -> tuple[list[int], BoolArray]:
    """Steps, newest first, and whether the early layer moved so much less than the late one."""
    pair = [early, late]
    rows = window.history.recent("matrix_change", RECENT)[::-1, pair]
    steps = window.history.recent_steps(RECENT)[::-1]
    # Over their size at that time: weights that have since become larger have not been still.
    norms = window.history.recent(window.weight, RECENT)[::-1, pair]
    scale = np.fmax(norms, window.weight_scale[pair])
    moves = rows / np.where(scale > 0, scale, np.nan)
    known = np.isfinite(moves).all(axis=1)
    holds = moves[known, 0] < window.limits.frozen_ratio * moves[known, 1]
    return [int(step) for step in steps[known]], np.asarray(holds, np.bool_)
