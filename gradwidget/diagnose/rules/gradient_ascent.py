"""Training that climbs the loss instead of descending: a wrong sign, or ``maximize=True``.

Of two networks that are trained against each other, one whose opponent does not resist.

Not reported: rewards that are meant to rise, log-likelihoods that fall below 0, a penalty on the
weights that drives them up (``weights_growing`` says so), a game in which one wins at the cost of
the other.
"""

from __future__ import annotations

from itertools import dropwhile

import numpy as np

from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.large_outputs import outputs_are_large
from gradwidget.diagnose.rules.shared.pulled_along import LEAST, pulled_along
from gradwidget.diagnose.rules.shared.steady_growth import steady_growth
from gradwidget.frame import CROSS_ENTROPY
from gradwidget.record.history import RECENT
from gradwidget.wording import names as words
from gradwidget.wording import shown

ERRORS = CROSS_ENTROPY | frozenset(
    {
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "kl_div",
    }
)
"""Losses that are never below 0, and mean the better the less they are."""

AROUND = frozenset({"mean", "sum", "div", "mul", "sqrt"})
"""What stands around a difference that is squared by hand, as in ``((y - x) ** 2).mean()``."""

SIZE = frozenset({"pow", "abs"})
"""What makes a size of a difference."""

GROWN = 2.0
"""Gradient over its start: on the way down to a minimum it does not grow."""


def gradient_ascent(window: Window, active: Finding | None) -> Detection | None:
    """A loss that is an error and is maximized, or one that falls without bound."""
    if active is None and window.history.version < 2 * window.limits.window:
        return None
    if len(window.wiring.optimizers) > 1:
        return _of_a_player(window, active)
    if not np.isfinite(window.start_loss):
        return None
    return _maximized(window) or _bottomless(window)


def _maximized(window: Window) -> Detection | None:
    """An optimizer that is set to maximize an error, which rises."""
    if not window.frame.scalars.get("maximize", 0.0) > 0:
        return None
    # A minus before it shows in the loss.
    if not _is_error(window.wiring.loss_path) or not 0 < window.start_loss < window.loss:
        return None
    return _detection(
        window,
        f"The optimizer is set to maximize, and the loss is an error: it has risen from "
        f"{shown(window.start_loss)} to {shown(window.loss)}.",
        window.history.first_step or 0,
        value=1.0,
        bound=0.0,
    )


def _bottomless(window: Window) -> Detection | None:
    """A loss below 0 that falls faster and faster, with a gradient that grows."""
    losses = window.history.recent_scalar("loss", RECENT)
    steps = window.history.recent_steps(RECENT)
    known = np.isfinite(losses)
    losses, steps = losses[known], steps[known]
    size = window.limits.window
    if len(losses) < 2 * size or not (_grown(window) and outputs_are_large(window)):
        return None
    parts = [middle(part) for part in np.array_split(losses[-2 * size :], 2)]
    start = window.start_loss
    # Where the negated error is plain in the graph, less is enough.
    path = window.wiring.loss_path
    is_negated = path[:1] == ("neg",) and _is_error(path[1:], factors=0)
    if not is_negated and steady_growth(window) is not None:
        return None  # it is a term of the loss that falls, not the error that is climbed
    bound = window.limits.diverging if is_negated else window.limits.bottomless
    fallen = (start - parts[1]) / max(abs(start), 1.0)
    if not (fallen > bound and 0 > parts[0] > parts[1]):
        return None
    above = np.flatnonzero(losses > start - max(abs(start), 1.0))
    since = int(steps[min(int(above[-1]) + 1 if above.size else 0, len(steps) - 1)])
    return _detection(
        window,
        f"The loss has fallen from {shown(start)} to {shown(parts[1])} and falls faster and "
        "faster, and its gradient grows: it has no minimum in this direction.",
        since,
        value=fallen,
        bound=bound,
    )


def _of_a_player(window: Window, active: Finding | None) -> Detection | None:
    """A player and its critic that pull the same way."""
    found = pulled_along(window, still=active is not None)
    if found is None:
        return None
    names = np.array([layer.name for layer in window.layers])
    player = tuple(names[found.player.layers].tolist())
    start, outputs = found.outputs
    return Detection(
        severity="critical",
        message=f"The loss of the optimizer that trains {words(player)} has fallen from "
        f"{shown(found.player.start)} to {shown(found.loss)}, while the outputs of these layers "
        f"have grown from {shown(start)} to {shown(outputs)}. They are judged by "
        f"{words(names[found.critic].tolist())}, which another optimizer trains, and whose loss "
        "has not risen: both push the outputs the same way.",
        layers=player,
        first_step=found.since,
        evidence={
            "value": found.fallen,
            "bound": window.limits.bottomless,
            "window": float(LEAST),
        },
        caveat="Fine if the two are meant to drive the outputs the same way.",
    )


def _is_error(path: tuple[str, ...], factors: int = 2) -> bool:
    """Whether operations, from the loss on, make an error: of torch's, or a squared difference.

    Args:
        path: names of the operations.
        factors: how many others may stand before one of torch's errors.
    """
    if ERRORS & set(path[: factors + 1]):
        return True
    by_hand = list(dropwhile(AROUND.__contains__, path))
    difference = list(dropwhile(SIZE.__contains__, by_hand))
    return len(difference) < len(by_hand) and difference[:1] == ["sub"]


def _grown(window: Window) -> bool:
    norm = middle(window.history.recent_scalar("total_grad_norm", window.limits.window))
    start = middle(window.history.start_scalar("total_grad_norm")[: window.limits.window])
    return bool(norm > GROWN * start)


def _detection(
    window: Window, message: str, since: int, *, value: float, bound: float
) -> Detection:
    return Detection(
        severity="critical",
        message=message,
        layers=(),
        first_step=since,
        evidence={"value": value, "bound": bound, "window": float(window.limits.window)},
        caveat="Fine if what is minimized is meant to fall without bound.",
    )
