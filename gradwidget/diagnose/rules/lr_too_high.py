"""A learning rate so high that updates replace the weights, and the loss stays high.

Such a run may be lost within three steps. Where the loss rises by orders of magnitude right after
updates that large, few frames are enough. Not reported: a head that starts at zero, the first steps
of an adaptive optimizer, a high rate that works (the loss falls), a batch that is out of line
(the update before it was a usual one), other data since a step at which the loss leapt after usual
updates, first steps that come to rest by themselves, weight decay, which changes the norm of the
weights and not their direction.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.causes.explanations import SHUT
from gradwidget.diagnose.evidence.new_data import after_leaps
from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.weight_rotation import (
    far_off,
    first_rotation,
    rotations,
    undivided,
)
from gradwidget.diagnose.evidence.window import A_FEW, Window, median, middle
from gradwidget.diagnose.finding import Detection, Finding, Symptom, is_driven
from gradwidget.diagnose.rules.shared.harm import in_words
from gradwidget.frame import BoolArray
from gradwidget.record.history import RECENT
from gradwidget.wording import names, shown

RISES = {1: 4.0, 2: 2.0}
"""Powers of ten by which the loss must have risen after so many updates in a row."""

VIOLENT = 4.0
"""Times by which the first steps under a rate must be past the bound to speak for later ones."""

LEADS_TO = 30
"""Steps within which large ones may shut a layer: an adaptive optimizer's first ones are largest,
and there may be none measured just before."""

MOVED = 0.2
"""Sum of what the measured ones of those steps changed, over the size of the weights."""

REPLACED = 10.0
"""Times the usual bound from which a step leaves nothing of the weights, whatever the loss does."""

FAR_PAST = 3.0
"""Times the usual bound below which a run may still find its way by itself."""

SETTLED = 0.9
"""Size of steps over that of the run's first window, below which they come to rest."""

RAISED = 2.0
"""Standard deviations of the loss from batch to batch by which the first steps have raised it."""

OVER = 0.1
"""Share of the bound below which the newest steps say that an open finding is over, however long
ago the large ones of the window are: a run that is measured rarely has them for long."""

FAR = 10.0
"""Loss over that of the first step from which a rise is no mere recovery from a good batch."""


def lr_too_high(window: Window, active: Finding | None) -> Detection | None:
    """Updates far above the healthy range while the loss does not fall, or jumps up."""
    found = (
        _over_window(window, active)
        or _in_each_turn(window)
        or _beyond_doubt(window)
        or _broke(window, active)
        or _blew_up(window, active)
        or _thrown_off(window)
    )
    if found is None:
        return None
    summed, start = undivided(window), far_off(window)
    found = found if summed is None else summed.explain(found)
    return found if start in found.message else replace(found, message=f"{found.message} {start}")


def _beyond_doubt(window: Window) -> Detection | None:
    """The newest updates, each of which has made the loss many times larger."""
    limits = window.limits
    losses = window.history.recent_scalar("loss", limits.window + 1)
    steps = window.history.recent_steps(limits.window + 1)
    if len(losses) < max(RISES) or not losses[-1] > FAR * abs(middle(window.first_losses[:1])):
        return None
    all_moves = rotations(window, RECENT, of_start=True)
    moves = all_moves[-len(losses) :]
    # How many updates in a row, up to the newest frame, were large and raised the loss.
    with np.errstate(invalid="ignore"):
        raised = (losses[1:] > 2 * np.abs(losses[:-1])) & (np.diff(steps) == 1)
        raised &= moves[:-1] > limits.update_high
    calm = np.flatnonzero(~raised)
    first = int(calm[-1]) + 1 if calm.size else 0
    count = len(raised) - first
    before = float(abs(losses[first])) if count else 0.0
    if not before > 0 or not losses[-1] > before * 10 ** RISES[min(count, max(RISES))]:
        return None
    largest = float(moves[first:-1].max())
    # Updates as large as these may have begun before the loss rose, however long ago.
    small = np.flatnonzero(~(all_moves[: len(all_moves) - count - 1] > limits.update_high))
    began = int(small[-1]) + 1 if small.size else 0
    return Detection(
        severity="critical",
        message=f"{_updates(count)} of up to {largest:,.0%} of the weights' size (0.1% is usual) "
        f"raised the loss from {shown(before)} to {shown(float(losses[-1]))}: the learning rate is "
        "too high.",
        layers=(),
        first_step=int(window.history.recent_steps(RECENT)[began]),
        evidence={
            "value": largest,
            "bound": limits.update_high,
            "window": float(count + 1),
            "loss": float(losses[-1]),
        },
        caveat="Fine if the loss comes back by itself, as it may after the first steps of a run.",
    )


def _broke(window: Window, active: Finding | None) -> Detection | None:
    """Layers that were sound at first and are shut since updates that were large."""
    shut = [finding.first_step for symptom, finding in window.active.items() if symptom in SHUT]
    later = [step for step in shut if step > (window.history.first_step or 0)]
    if not later:
        return None
    first = min(later)
    if active is not None and active.evidence.get("broke") == first:
        return _as_before(active)
    limits = window.limits
    steps = window.history.recent_steps(RECENT)
    end = int(np.searchsorted(steps, first))
    rotated = rotations(window, RECENT, leaving=len(steps) - end, of_start=True)
    known = np.isfinite(rotated)
    all_moves, all_steps = rotated[known], steps[:end][known]
    near = all_steps >= first - LEADS_TO
    moves, steps = all_moves[near], all_steps[near]
    large = moves > limits.update_high
    is_long = middle(moves[steps >= first - limits.window]) > limits.update_high
    if not large.any() or not (is_long or moves.sum() > MOVED):
        return None
    # They may have begun long before, whichever of them were measured.
    began = int(np.flatnonzero(near & (all_moves > limits.update_high))[0])
    small = np.flatnonzero(~(all_moves[:began] > limits.update_high))
    since = int(all_steps[int(small[-1]) + 1 if small.size else 0])
    then = "since then layers let no gradient through"
    caveat = "Fine if that comes back by itself, as it may after the first steps of a run."
    return _up_to(window, first, since, moves, then=then, caveat=caveat)


def _blew_up(window: Window, active: Finding | None) -> Detection | None:
    """Weights that the steps of a short while have made many times as large, whatever is lost.

    The loss may say nothing, as that of a policy, and the steps may have come to rest since: large
    weights have next to no gradient.
    """
    growing = window.active.get(Symptom.WEIGHTS_GROWING)
    if growing is None or is_driven(growing):
        return None
    if active is not None and active.evidence.get("broke") == growing.first_step:
        return _as_before(active)
    limits, history = window.limits, window.history
    steps = history.recent_steps(RECENT)
    begin, end = np.searchsorted(steps, [growing.first_step - LEADS_TO, growing.first_step])
    among = np.array([layer.name in growing.layers for layer in window.layers])
    scale = window.weight_scale[among]
    sizes = history.recent(window.weight, RECENT)[begin : begin + 1, among] / scale
    # Of a while that began with weights that were large already, it does not show what made them.
    if begin == end or not middle(sizes.ravel()) < limits.growth**0.5:
        return None
    moves = median((history.recent("matrix_change", RECENT)[begin:end, among] / scale).T)
    apart = np.diff(steps[begin : end + 1])
    if not np.nansum(moves * apart[: len(moves)]) > limits.growth / 2:
        return None
    since = int(steps[begin + int(np.argmax(moves > limits.update_high))])
    then = "have made them many times as large"
    caveat = "Fine if the layer was meant to start with far too small weights."
    return _up_to(window, growing.first_step, since, moves, then=then, caveat=caveat)


def _up_to(
    window: Window, step: int, since: int, moves: Floats, *, then: str, caveat: str
) -> Detection:
    """Steps from one on that moved the weights by so much, and what they have done at another."""
    largest = float(np.nanmax(moves))
    return Detection(
        severity="warning",
        message=f"Up to step {step:,} steps changed the weights by up to {largest:,.0%} of their "
        f"size (0.1% is usual), and {then}: the learning rate is too high.",
        layers=(),
        first_step=since,
        evidence={
            "value": largest,
            "bound": window.limits.update_high,
            "window": float(len(moves)),
            "broke": float(step),
            "risen": _risen(window, since),
        },
        caveat=caveat,
    )


def _as_before(active: Finding) -> Detection:
    """What is found already: the updates that show it are long over, and not measured again."""
    return Detection(
        severity=active.severity,
        message=active.message,
        layers=(),
        first_step=active.first_step,
        evidence=active.evidence,
        caveat=active.caveat,
    )


def _thrown_off(window: Window) -> Detection | None:
    """A run whose loss and gradient are many times as large at every step after its first.

    As of adapters whose output is multiplied: the weights have hardly changed. Until it has learned
    something after all.
    """
    size, history = window.limits.window, window.history
    if window.has_opponent or history.version <= size:
        return None
    losses = history.start_scalar("loss")[: size + 1]
    norms = history.start_scalar("total_grad_norm")[: size + 1]
    # A first loss of 0 is one that starts there by nature, and no other is large against it.
    if not (losses[0] > 0 and losses[1:].min() > FAR * losses[0] and norms[0] > 0):
        return None
    if not (norms[1:].min() > FAR * norms[0] and window.level_left > window.limits.plateau_share):
        return None
    if window.has_learned:
        return None
    moves = middle(rotations(window, RECENT, of_start=True)[:size])
    return Detection(
        severity="warning",
        message=f"The first update raised the loss from {shown(float(losses[0]))} to "
        f"{shown(float(losses[1]))} and the gradient as well, and both have stayed that high: the "
        "learning rate is too high.",
        layers=(),
        first_step=history.first_step or 0,
        evidence={
            "value": moves,
            "bound": FAR,
            "window": float(size),
            "loss": window.loss,
        },
        caveat="Fine if the first batch was unlike all others.",
    )


def _updates(count: int) -> str:
    return "An update" if count == 1 else f"{count} updates in a row"


def _over_window(window: Window, active: Finding | None) -> Detection | None:
    """Updates far above the healthy range in most of the newest frames."""
    limits = window.limits
    # A loss that has come down and jumps about after such updates is due to the same rate; where it
    # jumps, no more frames are needed to tell that it does not fall.
    jumps = Symptom.LOSS_UNSTABLE in window.active
    if active is None and window.history.version < (1 if jumps else 2) * limits.window:
        return None
    # Nor does it tell where one network loses what the other one wins.
    is_bad = (_is_high(window) and not window.has_opponent) or jumps
    if not (is_bad and np.isfinite(window.loss)) or _falling(window):
        return None
    recent = rotations(window, limits.window, of_start=True)
    moves = middle(recent)
    # The bound asks for the whole run, which takes long: it is no lower than a quarter of what is
    # high.
    is_large = np.isfinite(recent).sum() >= window.enough and moves > limits.update_high / 4
    if not is_large or not moves > (bound := _bound(window)):
        return None
    if _passes(window, recent, active):
        return None
    values = rotations(window, RECENT, of_start=True)
    known = np.isfinite(values)
    steps = [int(step) for step in window.history.recent_steps(RECENT)[known][::-1]]
    since = _since(steps, values[known][::-1] > bound, limits.window)
    if active is None and _outgrown(window, since):
        return None
    return Detection(
        severity="warning",
        message=f"Each step changes the weights by {moves:,.0%} of their size (0.1% is usual), "
        f"and the loss {in_words(window, window.loss, 'stays at')}: "
        "the learning rate is too high.",
        layers=(),
        first_step=since,
        evidence={
            "value": moves,
            "bound": bound,
            "window": float(limits.window),
            "loss": window.loss,
            "risen": _risen(window, since),
        },
        caveat="Fine if the loss cannot fall, as with two networks that are trained against each "
        "other.",
    )


def _passes(window: Window, recent: Floats, active: Finding | None) -> bool:
    """Whether large steps are over, or somewhat large ones will be in a while.

    Args:
        window: the newest frames.
        recent: how far each of them moved the weights.
        active: the open finding, if any.
    """
    high = window.limits.update_high
    if active is not None and _is_over(recent, high):
        return True
    is_beyond = not middle(recent) < FAR_PAST * high
    return not is_beyond and (_settles(window, recent) or bool(after_leaps(window, RECENT)[-1]))


def _is_over(recent: Floats, high: float) -> bool:
    """Whether the newest steps hardly move the weights, as at the end of a descent."""
    newest = recent[np.isfinite(recent)][-A_FEW:]
    return len(newest) == A_FEW and bool(newest.max() < OVER * high)


def _settles(window: Window, recent: Floats) -> bool:
    """Whether steps that are somewhat large are those of a run that finds its way by itself.

    Those of a linear model are, which is small, of Adagrad, which begins with its largest, and of
    momentum in a valley; where few of its loss can be learned, that tells nothing.

    Args:
        window: the newest frames.
        recent: how far each of them moved the weights.
    """
    size = window.limits.window
    # A frame alone tells nothing of a course, and a loss that the first steps have raised is no
    # start to find a way from.
    if size == 1 or not window.start_loss < _before_steps(window):
        return False
    if (np.diff(window.losses(size)) < 0).all() and window.loss < window.start_loss:
        return True
    moves = rotations(window, RECENT, of_start=True)
    # In the first steps a pendulum's swings count as a whole: within one its speed comes and goes.
    # The steps of Adagrad become smaller by themselves, and ever more slowly.
    is_early = window.age < window.limits.plateau_steps // 2
    may_settle = is_early or "Adagrad" in window.wiring.optimizers
    return may_settle and middle(recent) < SETTLED * middle(moves[:size])


def _in_each_turn(window: Window) -> Detection | None:
    """Updates that replace the weights in every turn of one of several networks.

    What the losses of such networks do says nothing about it.
    """
    limits = window.limits
    if not window.has_opponent or window.history.version < 2 * limits.window:
        return None
    moves = rotations(window, RECENT, of_start=True)
    known = np.isfinite(moves) & window.same_turn(RECENT)
    moves, steps = moves[known], window.history.recent_steps(RECENT)[known]
    bound = REPLACED * limits.update_high
    newest = moves[-limits.window :]
    if len(newest) < limits.window or not np.quantile(newest, 0.25) > bound:
        return None
    level = middle(newest)
    its = [one.name for one, plays in zip(window.layers, window.in_play, strict=True) if plays]
    return Detection(
        severity="warning",
        message=f"Each step in its turn changes the weights of {names(its)} by {level:,.0%} of "
        "their size (0.1% is usual): the learning rate is too high, and no other network can be "
        "trained against one that is a different one at each step.",
        layers=(),
        first_step=_since([int(step) for step in steps[::-1]], moves[::-1] > bound, limits.window),
        evidence={"value": level, "bound": bound, "window": float(limits.window)},
        caveat="Fine if these weights are meant to be drawn again at each step.",
    )


def _bound(window: Window) -> float:
    """Change of the weights per step from which a rate is too high.

    Half of what it is elsewhere where the first steps under it were many times as large: weights
    that they have made larger, and clipping, make the later ones look smaller. Half of that again
    where the first ones left nothing of the weights and these have grown since.
    """
    high = window.limits.update_high
    times = first_rotation(window) / high
    if times > REPLACED and Symptom.WEIGHTS_GROWING in window.active:
        return high / 4
    return high / 2 if times > VIOLENT else high


def _risen(window: Window, since: int) -> float:
    """By what factor the rate had risen when steps became large; 1 where that is not known."""
    rates = window.history.recent_scalar("lr", RECENT)
    then = rates[window.history.recent_steps(RECENT) == since]
    first = window.history.start_scalar("lr")[:1]
    if not (then.size and first.size and first[0] > 0 and np.isfinite(then[0])):
        return 1.0
    return float(then[0] / first[0])


def _outgrown(window: Window, since: int) -> bool:
    """Whether steps were large only against a start that the weights had outgrown before.

    As where a weight decay of the wrong sign makes all of them grow.
    """
    if Symptom.WEIGHTS_GROWING not in window.active:
        return False
    moves = rotations(window, RECENT)[window.history.recent_steps(RECENT) >= since]
    return not middle(moves[: window.limits.window]) > window.limits.update_high


def _since(steps: list[int], holds: BoolArray, misses: int) -> int:
    """The oldest step of the evidence, newest first, not broken by that many frames in a row.

    A rate that is too high may have killed the gradient, and with it the updates that show it.
    """
    since, missed = steps[0], 0
    for step, held in zip(steps, holds, strict=True):
        missed = 0 if held else missed + 1
        if missed > misses:
            break
        since = step if held else since
    return since


def _is_high(window: Window) -> bool:
    """Whether the loss is still high, by what it was before the first steps may have raised it."""
    level = _before_steps(window)
    share = window.limits.vanishing_loss_share
    return window.loss_is_high or bool(level - window.loss < share * abs(level))


def _falling(window: Window) -> bool:
    """Whether the loss is falling, and not only back to where the first steps raised it from."""
    size = window.limits.window
    before = middle(window.losses(2 * size)[:-size])
    before = min(before, _before_steps(window))  # NaN while there was no window before
    return before - window.loss > (1 - window.limits.update_falling) * abs(before)


def _before_steps(window: Window) -> float:
    """The most that the loss was before the first step, as one batch shows it; NaN if not known."""
    return middle(window.first_losses[:1]) + RAISED * window.loss_noise
