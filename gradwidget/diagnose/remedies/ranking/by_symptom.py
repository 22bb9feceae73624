"""The fixes for each symptom, ranked for the case at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.evidence.obstacle import barriers, high_dropout
from gradwidget.diagnose.evidence.onset import Onset
from gradwidget.diagnose.evidence.stops.flat_operation import flat_operation
from gradwidget.diagnose.evidence.stops.one_place import one_place, where_it_ends
from gradwidget.diagnose.evidence.weight_rotation import undivided
from gradwidget.diagnose.evidence.weight_size import oversized, zero_weights
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy, Symptom, is_barred
from gradwidget.diagnose.remedies.bfloat16 import bfloat16
from gradwidget.diagnose.remedies.check_mask import check_mask
from gradwidget.diagnose.remedies.check_pairs import check_pairs
from gradwidget.diagnose.remedies.clear_gradients import clear_gradients
from gradwidget.diagnose.remedies.clip import clip
from gradwidget.diagnose.remedies.divide_weights import divide_weights
from gradwidget.diagnose.remedies.draw_zero_weights import draw_zero_weights
from gradwidget.diagnose.remedies.equal_rates import equal_rates
from gradwidget.diagnose.remedies.fewer_layers import fewer_layers
from gradwidget.diagnose.remedies.find_zero_factor import find_zero_factor
from gradwidget.diagnose.remedies.fp32_weights import fp32_weights
from gradwidget.diagnose.remedies.hold_back_adversary import hold_back_adversary
from gradwidget.diagnose.remedies.iterate_loader import iterate_loader
from gradwidget.diagnose.remedies.leaky_relu import leaky_relu
from gradwidget.diagnose.remedies.look_between import look_between
from gradwidget.diagnose.remedies.loss_scaling import loss_scaling
from gradwidget.diagnose.remedies.lower_momentum import lower_momentum
from gradwidget.diagnose.remedies.lower_penalty import lower_penalty
from gradwidget.diagnose.remedies.minimize_loss import minimize_loss
from gradwidget.diagnose.remedies.more_entries import more_entries
from gradwidget.diagnose.remedies.normalize import normalize
from gradwidget.diagnose.remedies.pass_gradient_through import pass_gradient_through
from gradwidget.diagnose.remedies.raise_bias import raise_bias
from gradwidget.diagnose.remedies.ranking.collapsed_outputs import for_outputs_alike
from gradwidget.diagnose.remedies.ranking.data import for_inputs, for_targets
from gradwidget.diagnose.remedies.ranking.learning_rates import (
    SHUT_BY_STEPS,
    for_rate_too_high,
    for_rate_too_low,
    slower,
    smaller_steps,
)
from gradwidget.diagnose.remedies.ranking.left_out_layers import (
    for_lost_graph,
    for_no_gradient,
    for_no_optimizer,
    for_no_step,
)
from gradwidget.diagnose.remedies.ranking.loss_mismatch import for_loss_mismatch
from gradwidget.diagnose.remedies.ranking.nonfinite import for_nonfinite, for_nonfinite_weights
from gradwidget.diagnose.remedies.ranking.time_steps import for_time_exploding, for_time_vanishing
from gradwidget.diagnose.remedies.register_layers import register_layers
from gradwidget.diagnose.remedies.reinitialize import reinitialize
from gradwidget.diagnose.remedies.remove_barrier import remove_barrier
from gradwidget.diagnose.remedies.replace_flat_operation import replace_flat_operation
from gradwidget.diagnose.remedies.reset_bias import reset_bias
from gradwidget.diagnose.remedies.scale_inputs import scale_inputs
from gradwidget.diagnose.remedies.scale_weights_back import scale_weights_back
from gradwidget.diagnose.remedies.shared.join_remedies import join_remedies
from gradwidget.diagnose.remedies.shared.layer_names import among
from gradwidget.diagnose.remedies.train_mode import train_mode
from gradwidget.diagnose.remedies.turn_penalty import turn_penalty
from gradwidget.diagnose.remedies.use_relu import SLOPES, use_relu
from gradwidget.diagnose.remedies.weight_decay import weight_decay
from gradwidget.frame import Layer

Fixes = Iterable[Remedy | None]


def remedies_for(symptom: Symptom, detection: Detection, window: Window) -> tuple[Remedy, ...]:
    """The fixes for a symptom as it was just detected, the best for this case first."""
    if symptom in _ALONE:
        return (_ALONE[symptom](),)
    return tuple(remedy for remedy in _REMEDIES[symptom](detection, window) if remedy is not None)


def _vanishing(detection: Detection, window: Window) -> Fixes:
    onset = Onset(detection, window)
    if window.has_opponent:
        yield hold_back_adversary(detection.layers)
    elif onset.is_after_large_steps and not onset.is_start:
        # Neither the activation functions nor the weights as they were drawn have made it.
        fresh = reinitialize(onset.named, SHUT_BY_STEPS)
        lower = slower(window, "The gradient came through until steps moved the weights so far.")
        yield join_remedies(lower, fresh) if lower is not None and fresh is not None else None
        yield lower
    yield from _over_depth(detection, window)


def _over_depth(detection: Detection, window: Window) -> Fixes:
    """What lets more of the gradient through, whatever it has been before."""
    layers, onset = window.layers, Onset(detection, window)
    place = one_place(window, detection.layers[0], falls=True)
    if place is not None:
        # What is lost in one place, other layers do not give back.
        yield look_between(place, window)
        return
    # One that squashes behind all that gets no gradient has not taken it away.
    squashing = use_relu(layers) if any(one.activation in SLOPES for one in onset.named) else None
    scale = "Weights scaled to the fan-in keep the gradient's size from layer to layer."
    # What weights take away that were drawn too small, no activation function gives back.
    is_drawn_small = onset.is_of_small_weights
    if is_drawn_small:
        scale = f"They were drawn many times too small. {scale}"
    # What enters as an embedding is no factor on the gradient's way, and has a scale of its own.
    factors = [layer for layer in onset.to_redraw if "Embedding" not in layer.kind]
    fresh = reinitialize(factors, scale)
    norms = normalize(
        layers, "A norm layer brings each layer's output, and so its gradient, back to scale."
    )
    # Nor do fresh weights help where a sigmoid passes at most a quarter, whatever they are.
    sigmoids = [layer for layer in onset.named if layer.activation == "sigmoid"]
    if is_drawn_small and 2 * len(sigmoids) < len(onset.named):
        yield from (fresh, norms, squashing)
    else:
        # Deep stacks of convolutions are trained with norms, after which the size of weights is
        # no matter.
        yield squashing
        yield from (norms, fresh) if _is_convolutional(layers) else (fresh, norms)
    yield fewer_layers(
        layers,
        "Each layer multiplies the gradient by its own factor: the fewer factors, the less decay.",
    )


def _is_convolutional(layers: Sequence[Layer]) -> bool:
    return sum(layer.kind.startswith("Conv") for layer in layers) > len(layers) / 2


def _frozen(detection: Detection, window: Window) -> Fixes:
    if Onset(detection, window).is_of_rates:
        yield equal_rates()
    yield from _over_depth(detection, window)


def _exploding(detection: Detection, window: Window) -> Fixes:
    lower = slower(window, "Large steps move the weights to where gradients are even larger.")
    norms = normalize(window.layers, "A norm layer undoes the growth at each layer.")
    if "baseline" in detection.evidence:
        # Weights that became large without a step are what made the gradient large.
        yield scale_weights_back(Onset(detection, window).norms_before_leap, window.layers)
        yield from (lower, clip(window, detection.first_step), norms)
        return
    place = one_place(window, detection.layers[0], falls=False)
    if place is not None:
        yield look_between(place, window)
        yield from (clip(window, detection.first_step), lower)
        return
    onset = Onset(detection, window)
    drawn, factor = onset.growth_as_drawn
    if drawn:
        # Drawn again they would be the same.
        yield divide_weights(drawn, factor)
    else:
        yield reinitialize(
            onset.to_redraw,
            "Weights scaled to the fan-in keep the gradient's size from layer to layer.",
        )
    yield norms
    yield clip(window, detection.first_step)
    yield lower


def _unstable(detection: Detection, window: Window) -> Fixes:
    if "dropped" in detection.evidence:
        yield remove_barrier(high_dropout(detection.evidence["dropped"]))
    yield lower_momentum(window)
    why = "A jump after an update means that the update went too far."
    yield from smaller_steps(window, why, undivided(window))
    yield clip(window, detection.first_step)


def _growing(detection: Detection, window: Window) -> Fixes:
    onset = Onset(detection, window)
    decay = window.frame.scalars.get("weight_decay", 0.0)
    lower = slower(window, "Weights grow without bound where each step overshoots.")
    fresh = reinitialize(
        onset.named, "Weights this large do not return to a usual size by themselves."
    )
    if decay < 0:
        yield weight_decay(more=False)
    elif "growth" in detection.evidence:
        yield turn_penalty()
    yield lower_momentum(window)
    # Steps that grow weights take their time; what multiplied them at once was no step.
    before = onset.norms_before_leap
    yield scale_weights_back(before, window.layers)
    yield from (fresh, lower) if before else (lower, fresh)
    if decay == 0:
        yield weight_decay(more=True)


def _shrinking(detection: Detection, window: Window) -> Fixes:
    zero = [
        layer
        for layer, first in zip(window.layers, window.first_weight_norm, strict=True)
        if layer.name in detection.layers and first == 0
    ]
    if zero:
        yield draw_zero_weights(zero)
    decay = window.frame.scalars.get("weight_decay")
    if decay is None or decay > 0:
        yield weight_decay(more=False)
    elif _shrink_together(detection, window):
        yield lower_penalty()
    yield reinitialize(
        Onset(detection, window).named,
        "What is lost does not come back by itself: start the layer again.",
    )


def _shrink_together(detection: Detection, window: Window) -> bool:
    """Whether most layers shrink, which is what something does that acts on all of them."""
    among = window.trainable & window.traits.weighty
    shrunk = [layer.name in detection.layers for layer in window.layers]
    return 2 * int(np.sum(among & shrunk)) > int(among.sum()) > 1


def _dead(detection: Detection, window: Window) -> Fixes:
    onset = Onset(detection, window)
    fresh = reinitialize(
        onset.named, "A unit that is off for every input gets no gradient that could revive it."
    )
    raised = raise_bias(onset.named)
    lower = slower(window, "One step that is too large can make a unit negative for all inputs.")
    # What killed them decides: a step that was too large, or something that is there no longer.
    # Biases alone are put back without the loss of what the weights have learned.
    alive = (raised, fresh) if onset.is_of_biases and raised else (fresh, raised)
    if onset.is_after_large_steps:
        yield join_remedies(alive[0], lower) if lower is not None else alive[0]
        yield lower
        yield alive[1]
        yield leaky_relu(window.layers)
    else:
        yield from (*alive, leaky_relu(window.layers), lower)


def _saturated(detection: Detection, window: Window) -> Fixes:
    onset = Onset(detection, window)
    yield scale_weights_back(onset.norms_before_leap, window.layers)
    if onset.is_of_biases:
        yield reset_bias(onset.named)
    yield reinitialize(
        onset.named,
        "Smaller weights bring units back to where the activation function has a slope.",
    )
    yield use_relu(window.layers)
    yield normalize(
        window.layers,
        "A norm layer before the activation function keeps its inputs where it has a slope.",
    )
    yield scale_inputs(window, if_large=True)


def _underflow(detection: Detection, window: Window) -> Fixes:
    del detection, window
    yield bfloat16("It has the range of fp32: nothing underflows, and no scaler is needed.")
    yield loss_scaling()


def _diverging(detection: Detection, window: Window) -> Fixes:
    yield lower_momentum(window)
    why = "A loss that rises step by step means that each update goes too far."
    yield from smaller_steps(window, why, undivided(window))
    yield clip(window, detection.first_step)


def _zero(detection: Detection, window: Window) -> Fixes:
    if "rounded" in detection.evidence:
        yield pass_gradient_through(window.wiring.obstacles["rounded"][0])
        return
    zero = zero_weights(detection, window)
    is_constant = detection.evidence.get("constant", 0.0) > 0
    place = None if zero or is_constant else where_it_ends(window, detection.layers)
    hidden = _behind_masks(detection, window) if not (zero or is_constant) else []
    if hidden:
        yield check_mask(hidden)
    if place is not None and window.loss != 0:
        yield look_between(place, window)
        return
    flat = flat_operation(window)
    if is_constant:
        yield more_entries(window.wiring)
    elif flat is not None:
        last = among(window, window.paths.last)
        yield reinitialize(
            among(window, oversized(window) & window.paths.last),
            f"Weights this large push every output to where {flat} is flat.",
        )
        names = tuple(layer.name for layer in last)
        if Onset(replace(detection, layers=names), window).is_of_biases:
            yield reset_bias(last)
        yield replace_flat_operation(flat)
    if zero:
        yield draw_zero_weights(zero)
    if window.loss == 0:
        yield find_zero_factor()
    elif not (is_constant or flat or zero):
        yield replace_flat_operation(None)
        # What was drawn for tokens that are left out is not what leaves them out.
        yield reinitialize(
            [layer for layer in Onset(detection, window).named if layer not in hidden],
            "Fresh weights bring units back to where there is a slope.",
        )


def _behind_masks(detection: Detection, window: Window) -> list[Layer]:
    """Layers without a gradient, of tokens or before an attention, where others have one."""
    named = Onset(detection, window).named
    if window.loss == 0 or len(named) == int(window.trainable.sum()):
        return []
    of_attention = np.array(["Attention" in layer.kind for layer in window.layers])
    before = np.zeros(len(window.layers), np.bool_)
    if window.paths.known and of_attention.any():
        before = window.paths.before[of_attention].any(axis=0)
    return [
        layer
        for layer, is_before in zip(window.layers, before, strict=True)
        if layer in named and (is_before or "Embedding" in layer.kind)
    ]


def _uncleared(detection: Detection, window: Window) -> Fixes:
    del detection
    yield clear_gradients(window)


def _climbs(detection: Detection, window: Window) -> Fixes:
    yield minimize_loss(detection.layers, maximizes=window.frame.scalars.get("maximize", 0.0) > 0)


def _plateau(detection: Detection, window: Window) -> Fixes:
    """What helps against the cause helps against the plateau; where none is known, a look."""
    if is_barred(detection):
        yield from map(remove_barrier, barriers(window))
        return
    latest = detection.first_step + window.limits.plateau_steps
    cause = next(
        (
            finding
            for symptom, finding in window.active.items()
            if Symptom.PLATEAU in EXPLAINS[symptom] and finding.first_step <= latest
        ),
        None,
    )
    yield from (check_pairs(),) if cause is None else cause.remedies


_REMEDIES: dict[Symptom, Callable[[Detection, Window], Fixes]] = {
    Symptom.VANISHING_GRADIENTS: _vanishing,
    Symptom.EXPLODING_GRADIENTS: _exploding,
    Symptom.GRADIENTS_NONFINITE: for_nonfinite,
    Symptom.LOSS_NONFINITE: for_nonfinite,
    Symptom.WEIGHTS_NONFINITE: for_nonfinite_weights,
    Symptom.LOSS_UNSTABLE: _unstable,
    Symptom.WEIGHTS_GROWING: _growing,
    Symptom.EARLY_LAYERS_FROZEN: _frozen,
    Symptom.PLATEAU: _plateau,
    Symptom.WEIGHTS_SHRINKING: _shrinking,
    Symptom.WEIGHTS_ZERO: _shrinking,
    Symptom.DEAD_RELU: _dead,
    Symptom.SATURATED: _saturated,
    Symptom.NO_GRADIENT: for_no_gradient,
    Symptom.RNN_VANISHING_IN_TIME: for_time_vanishing,
    Symptom.RNN_EXPLODING_IN_TIME: for_time_exploding,
    Symptom.FP16_UNDERFLOW: _underflow,
    Symptom.LR_TOO_HIGH: for_rate_too_high,
    Symptom.LR_TOO_LOW: for_rate_too_low,
    Symptom.ZERO_GRADIENT: _zero,
    Symptom.DOUBLE_SOFTMAX: for_loss_mismatch,
    Symptom.NOT_IN_OPTIMIZER: for_no_optimizer,
    Symptom.NO_STEP: for_no_step,
    Symptom.LOSS_DETACHED: for_lost_graph,
    Symptom.LOSS_DIVERGING: _diverging,
    Symptom.BAD_INPUTS: for_inputs,
    Symptom.BAD_TARGETS: for_targets,
    Symptom.GRADIENT_ASCENT: _climbs,
    Symptom.GRADIENTS_NOT_CLEARED: _uncleared,
    Symptom.COLLAPSED_OUTPUTS: for_outputs_alike,
}

_ALONE: dict[Symptom, Callable[[], Remedy]] = {
    Symptom.UNREGISTERED_LAYERS: register_layers,
    Symptom.EVAL_MODE: train_mode,
    Symptom.UPDATES_LOST: fp32_weights,
    Symptom.SAME_BATCH: iterate_loader,
}
"""What is read exactly has one fix."""
