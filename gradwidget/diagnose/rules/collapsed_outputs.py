"""Different inputs have become alike before they reach the last layer: nothing tells them apart.

Many layers without a way around them do that, above all with norm layers that hide it from the
gradients; so does a price on what a code tells that is too high, and a loss that compares outputs
with each other and is content where all are one, which its graph tells where it does nothing else.
Or the units of a layer are copies of each other, whatever goes in. Not reported: a run that learns,
features that are just moving apart again as after the first steps of a transformer, data that
enters the last layer itself, a batch whose inputs are all the same, targets that are alike
themselves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Finding, has_same_units
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.diagnose.rules.shared.same_units import same_units
from gradwidget.frame import LOSS, BoolArray
from gradwidget.wording import shown

EMPTY = 0.03
"""RMS of means and logarithms of variances, by which a code costs and tells 1e-3 nats."""

OF_TARGETS = frozenset(
    {
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "nll_loss",
        "nll_loss2d",
        "nll_loss_nd",
        "kl_div",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "soft_margin_loss",
        "multi_margin_loss",
        "multilabel_margin_loss",
    }
)
"""Criteria that hold each output against a target of its own; a mean and a weight may come after
them."""

FALLEN = 0.1
"""Share of the spread at the start below which features have been drawn together."""

HALF = 0.5
"""The same share at which that begins."""

AT_REST = 0.05
"""Share by which a loss that rests falls at most from one window to the next."""

CONSTANT = 0.01
"""Change of the loss from batch to batch, over itself, that does not depend on the batch."""


def collapsed_outputs(window: Window, active: Finding | None) -> Detection | None:
    """Units that are copies; last layers whose inputs hardly differ, while nothing is learned."""
    # What was found of units says nothing of inputs.
    is_of_units = active is not None and has_same_units(active)
    of_units, of_inputs = (active, None) if is_of_units else (None, active)
    return (
        _pulled_together(window) or same_units(window, of_units) or _inputs_alike(window, of_inputs)
    )


def _pulled_together(window: Window) -> Detection | None:
    """A loss that is least where all outputs are the same, whatever else they may be."""
    if "pulled together" not in window.wiring.obstacles:
        return None
    if window.age < window.limits.lasting_steps or not window.loss < window.start_loss:
        return None
    return Detection(
        severity="warning",
        message="The loss only draws outputs of the network together, and nothing in it keeps "
        "those of different inputs apart: it is least where every input gets the same output.",
        layers=(),
        first_step=window.history.first_step or 0,
        evidence={
            "value": window.loss,
            "bound": window.start_loss,
            "window": float(window.limits.window),
            "drawn": 1.0,
            "pulled": 1.0,
        },
        caveat="Fine if something else than the loss keeps them apart, as a limit on the weights.",
    )


def _inputs_alike(window: Window, active: Finding | None) -> Detection | None:
    """Last layers whose inputs hardly differ over the batch, while nothing is learned."""
    limits = window.limits
    if active is None and window.age < limits.plateau_steps // 2:
        return None
    emptied = _emptied(window)
    if emptied is not None:
        return replace(emptied, evidence={**emptied.evidence, "emptied": 1.0})
    if window.frame.scalars.get("input_std") == 0:
        return None
    drawn = _drawn_together(window, active)
    if drawn is not None:
        return drawn
    if not (window.level_left > limits.plateau_share or _rests(window)) or window.has_learned:
        return None
    lasting = window.lasting("input_spread")
    among = _features(window)
    if active is None:
        among &= _still_alike(window)
        with np.errstate(invalid="ignore"):
            among &= lasting < limits.collapsed_spread
            among &= ~(window.median("input_spread") > limits.spread_grows * lasting)
    # It began where the spread fell out of what is usual, and lasts until it is back there.
    return beyond(
        window,
        Level("input_spread", lasting, 1.0, limits.spread_back, above=False),
        among,
        lambda layers, spread: (
            f"Different inputs have become alike before {layers}: only {spread:.1%} of the "
            "activations there differs from sample to sample, so the model gives all of them "
            "nearly the same output."
        ),
        "Fine if the inputs of a batch are alike themselves.",
    )


def _drawn_together(window: Window, active: Finding | None) -> Detection | None:
    """Features that have lost what they differed by at the start, under a loss that rests.

    As of triplets with the hardest negative: the loss stays at its margin.
    """
    limits = window.limits
    is_new = active is None or "drawn" not in active.evidence
    if is_new and (window.has_opponent or not (_is_high(window) and _rests(window))):
        return None
    lasting, start = window.lasting("input_spread"), window.start("input_spread")
    with np.errstate(invalid="ignore"):
        among = _features(window) & (lasting < limits.spread_back)
    if is_new:
        among &= _still_alike(window)
        with np.errstate(invalid="ignore"):
            among &= lasting < np.fmin(FALLEN * start, limits.collapsed_spread)
            among &= ~(window.median("input_spread") > limits.spread_grows * lasting)
    found = beyond(
        window,
        Level("input_spread", lasting, start, HALF, above=False),
        among,
        lambda layers, left: (
            f"Different inputs have become alike before {layers}: of what the activations there "
            f"differed by from sample to sample at the start, {shown(100 * left)}% is left, and "
            f"the loss stays at {shown(window.loss)}. The model gives all of them nearly the same "
            "output."
        ),
        "Fine if the inputs of a batch are alike themselves, or should get the same output.",
    )
    if found is None:
        return None
    drawn = {"drawn": float(not _is_of_targets(window))}
    return replace(found, evidence={**found.evidence, **drawn})


def _still_alike(window: Window) -> BoolArray:
    """Bool [layers]: whether the newest frame shows it, and not only the last ones before a gap."""
    newest = window.history.recent("input_spread", 1)[-1]
    with np.errstate(invalid="ignore"):
        still: BoolArray = newest < window.limits.spread_back
    return still


def _is_high(window: Window) -> bool:
    """Whether the loss leaves something to learn, as far as that can be told of its kind.

    One that compares outputs with each other may be below its start and be the same for every
    batch: it no longer depends on what goes in.
    """
    if _is_of_targets(window):
        return window.level_left > window.limits.plateau_share
    losses = window.losses(2 * window.limits.window)
    changes = middle(np.abs(np.diff(losses[np.isfinite(losses)])))
    return window.loss_is_high or changes < CONSTANT * abs(window.loss)


def _is_of_targets(window: Window) -> bool:
    return not OF_TARGETS.isdisjoint(window.wiring.loss_path[:3])


def _rests(window: Window) -> bool:
    """Whether the loss no longer falls."""
    size = window.limits.window
    before = middle(window.losses(2 * size)[:-size])
    return before - window.loss <= AT_REST * abs(before)


def _features(window: Window) -> BoolArray:
    """Bool [layers]: the layers that are given what other layers made, not data.

    The graph does not show what frozen layers feed: all that runs after them.
    """
    frozen = ~window.trainable & (window.median("has_run") == 1)
    given: BoolArray = window.paths.fed | (np.cumsum(frozen) > frozen)
    return given


def _emptied(window: Window) -> Detection | None:
    """Codes whose price in the loss has driven all of them to 0: what decodes them is told nothing.

    As in a variational autoencoder: the divergence from N(0, 1), whose logarithm of the variance
    goes through an exponential, is least where mean and logarithm are 0 for every input.
    """
    if "exp" not in window.wiring.loss_path:
        return None
    feeds = window.wiring.feeds
    codes = np.array(
        [LOSS in (into := feeds.get(one.name, ())) and len(into) > 1 for one in window.layers]
    )
    size, start = window.lasting("act_rms"), window.start("act_rms")
    with np.errstate(invalid="ignore"):
        if not codes.any() or not (size[codes] < np.fmin(EMPTY, start[codes] / 2)).all():
            return None
    return beyond(
        window,
        Level("act_rms", size, 1.0, EMPTY, above=False),
        codes,
        lambda layers, value: (
            f"What {layers} gives has become {shown(value)} for every input: its penalty in the "
            "loss outweighs its use, so the layers after it get no information on the input."
        ),
        "Fine while the code is not meant to carry information yet, as while its penalty is "
        "annealed.",
    )
