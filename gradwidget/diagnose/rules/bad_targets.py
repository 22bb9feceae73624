"""Targets of a regression that are far from what a fresh network gives, or all the same.

Of a classification those that come sorted by class.

Of a network that judges what another one makes: those that are all the same.

The scale alone is no finding, nor an order of batches of several classes: it is one only together
with a symptom that it can bring about, or where nothing is learned. Not reported: losses that are
no plain regression, targets in the tens, a large scale with which training goes well, batches of
the one class that there is, and classes that take turns, a judge that is given real and made
samples in steps of their own, an error that is to become 0 and is no output of a layer.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.regression_error import OF_ERRORS, first_residual, outweighing
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.harm import has_come_down, is_harmed
from gradwidget.diagnose.rules.shared.players import Player, players, where_it_leaves
from gradwidget.diagnose.rules.shared.sorted_data import MOSTLY, sorted_data
from gradwidget.frame import BoolArray
from gradwidget.record.history import RECENT
from gradwidget.wording import names as words
from gradwidget.wording import shown

BATCHES = 12
"""With the same target throughout, that are no chance."""

BENT = frozenset({"sigmoid", "tanh", "relu", "softplus", "silu", "gelu"})
"""Operations after which the outputs of a network are still its outputs."""

TURNS = 9
"""Turns of a judge, all of them with the same target, that are no chance."""

LEARNED = 0.1
"""Loss over its start that shows that a judge does answer as its targets ask for."""


def bad_targets(window: Window, active: Finding | None) -> Detection | None:
    """Looks at what the outputs are held against."""
    return (
        _sorted(window, active)
        or _one_label(window)
        or _all_the_same(window)
        or _far(window, active)
    )


def _sorted(window: Window, active: Finding | None) -> Detection | None:
    """Batches of one class, of others after a while; or of a few where that does harm.

    The next epoch comes before these are forgotten, if its steps are small.
    """
    found = sorted_data(window)
    if found is None:
        return None
    if active is None and found.is_in_order and not is_harmed(window, Symptom.BAD_TARGETS):
        return None
    older, newer = (f"{_classes(*range_)} at step {step:,}" for range_, step in found.examples)
    many = "Every" if found.share == 1 else "Nearly every"
    what = "holds samples of one class alone"
    if found.is_in_order:
        what = "begins with the class that the one before has ended with"
    return Detection(
        severity="warning",
        message=f"{many} batch {what} ({older}, {newer}): the data comes sorted, and each class "
        "makes the network forget the one before.",
        layers=(),
        first_step=window.history.first_step or 0,
        evidence={
            "value": found.share,
            "bound": MOSTLY,
            "window": float(window.limits.window),
            "classes": float(found.classes),
            **({"ordered": 1.0} if found.is_in_order else {}),
        },
        caveat="Fine if classes are to be learned one after the other, as in continual learning.",
    )


def _classes(low: int, high: int) -> str:
    """In words, with the lowest and the highest."""
    return f"class {low}" if low == high else f"classes {low} to {high}"


def _all_the_same(window: Window) -> Detection | None:
    """Outputs of a regression that have one target, in every batch so far."""
    criterion, *after = window.wiring.loss_path or ("",)
    if criterion not in OF_ERRORS or not BENT.issuperset(after):
        return None
    # A judge that stays as it is has outputs that another network is to change.
    if not window.trainable[window.paths.last].all():
        return None
    low, high = _lows_and_highs(window)
    known = np.isfinite(low)
    # A deviation is known where the error is all of the loss.
    alone = int(np.isfinite(window.history.recent_scalar("target_std", RECENT)).sum())
    if alone < BATCHES or not known.any() or low[known].min() != high[known].max():
        return None
    target = float(high[known].max())
    return Detection(
        severity="warning",
        message=f"Every target so far is {target:g}, in all of the {alone:,} batches "
        "that were measured: the network learns to answer that whatever goes in, and a small "
        "loss says nothing.",
        layers=(),
        first_step=window.history.first_step or 0,
        evidence={
            "value": float(alone),
            "bound": float(BATCHES),
            "window": float(alone),
            "constant": target,
        },
        caveat="Fine if other targets are so rare that no batch so far has had one.",
    )


def _one_label(window: Window) -> Detection | None:
    """A network that judges what another one makes, and is asked for one answer alone."""
    low, high = _lows_and_highs(window)
    if not (low == high).any():
        return None
    among = players(window)
    for judge in among:
        makers = [one for one in among if one is not judge and _is_judged_by(window, one, judge)]
        label = _only_target(window, judge) if makers else None
        newest = judge.losses[-TURNS:]
        # Where one of two terms has a minus the loss does not stay there, but falls below 0.
        is_learned = ((newest >= 0) & (newest < LEARNED * judge.start)).all()
        if label is None or not is_learned:
            continue
        layers = tuple(_names(window, judge.layers))
        return Detection(
            severity="warning",
            message=f"All targets that {words(layers)} have been given are {label:g}: they learn "
            "to answer that to every input, from which "
            f"{words(_names(window, makers[0].layers))} can learn nothing.",
            layers=layers,
            first_step=window.history.first_step or 0,
            evidence={
                "value": middle(newest) / judge.start,
                "bound": LEARNED,
                "window": float(TURNS),
                "label": label,
            },
            caveat="Fine if real and generated samples are meant to get the same answer.",
        )
    return None


def _lows_and_highs(window: Window) -> tuple[Floats, Floats]:
    """The least and the greatest target of each of the first and the newest frames."""
    low, high = (
        np.concatenate(
            [window.history.start_scalar(name), window.history.recent_scalar(name, RECENT)]
        )
        for name in ("target_min", "target_max")
    )
    return low, high


def _is_judged_by(window: Window, maker: Player, judge: Player) -> bool:
    """Whether what a player makes goes to another one, and its own loss has targets as well."""
    _, critic = where_it_leaves(window, maker.layers, judge.layers & ~maker.layers)
    targets = window.history.recent_scalar("target_min", RECENT)[maker.turns]
    return bool(critic.any() and np.isfinite(targets).any())


def _only_target(window: Window, player: Player) -> float | None:
    """The only target of all the turns of a player that are known; None where there are others."""
    first = ~np.isnan(window.history.start("grad_norm"))
    of_first = (first == player.layers).all(axis=1)
    low, high = (
        np.concatenate(
            [
                window.history.start_scalar(name)[of_first],
                window.history.recent_scalar(name, RECENT)[player.turns],
            ]
        )
        for name in ("target_min", "target_max")
    )
    low, high = low[np.isfinite(low)], high[np.isfinite(high)]
    if len(low) < TURNS or low.min() != high.max():
        return None
    return float(low[0])


def _names(window: Window, chosen: BoolArray) -> list[str]:
    return [window.layers[number].name for number in np.flatnonzero(chosen)]


def _far(window: Window, active: Finding | None) -> Detection | None:
    """Outputs that start many times further from the targets than their own size."""
    bound = window.limits.target_scale
    heavy = outweighing(window)
    drowns = heavy is not None and heavy.drowns
    # Where one term is all of a loss, that falls by learning it.
    is_learned = heavy is not None and has_come_down(window)
    is_harm = not is_learned and is_harmed(window, Symptom.BAD_TARGETS)
    if active is None and not drowns and not is_harm:
        return None
    residual = first_residual(window)
    if not residual > bound:
        return None
    outputs = window.start("act_rms")[window.paths.last]
    size = middle(outputs)
    if not residual > bound * max(size, 1.0):
        return None  # outputs that are large themselves
    drowned = ""
    if heavy is not None:
        count = "are negligible"
        if not drowns:
            count = f"count for little: its gradient is {shown(1 / heavy.share)} times theirs"
        drowned = f" Beside the error of {heavy.layer}, the other terms of the loss {count}."
    return Detection(
        severity="warning",
        message=f"The outputs start {shown(residual)} away from their targets: these are far from "
        f"0 and 1, for which networks are made, and the outputs are about {shown(size)}. Gradients "
        f"grow with the error, and steps of usual size never get there.{drowned}",
        layers=tuple(
            layer.name
            for layer, is_last in zip(window.layers, window.paths.last, strict=True)
            if (is_last if heavy is None else layer.name == heavy.layer)
        ),
        first_step=window.history.first_step or 0,
        evidence={"value": residual, "bound": bound, "window": float(window.limits.window)},
        caveat="Fine if the last layer or the optimizer is made for such targets.",
    )
