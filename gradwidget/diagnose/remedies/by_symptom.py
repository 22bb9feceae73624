"""The fixes for each symptom, ranked for the case at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy, Symptom
from gradwidget.diagnose.remedies.add_to_optimizer import add_to_optimizer
from gradwidget.diagnose.remedies.bfloat16 import bfloat16
from gradwidget.diagnose.remedies.clip import clip
from gradwidget.diagnose.remedies.fewer_layers import fewer_layers
from gradwidget.diagnose.remedies.find_cut import find_cut
from gradwidget.diagnose.remedies.find_nonfinite import find_nonfinite
from gradwidget.diagnose.remedies.forget_bias import forget_bias
from gradwidget.diagnose.remedies.freeze import freeze
from gradwidget.diagnose.remedies.gated_cell import gated_cell
from gradwidget.diagnose.remedies.leaky_relu import leaky_relu
from gradwidget.diagnose.remedies.learning_rate import learning_rate
from gradwidget.diagnose.remedies.loss_scaling import loss_scaling
from gradwidget.diagnose.remedies.normalize import normalize
from gradwidget.diagnose.remedies.orthogonal import orthogonal
from gradwidget.diagnose.remedies.raise_bias import raise_bias
from gradwidget.diagnose.remedies.reinitialize import reinitialize
from gradwidget.diagnose.remedies.scale_inputs import scale_inputs
from gradwidget.diagnose.remedies.skip_nonfinite import skip_nonfinite
from gradwidget.diagnose.remedies.use_relu import use_relu
from gradwidget.diagnose.remedies.weight_decay import weight_decay
from gradwidget.frame import Layer
from gradwidget.wording import shown

Fixes = Iterable[Remedy | None]


def remedies_for(symptom: Symptom, detection: Detection, window: Window) -> tuple[Remedy, ...]:
    """The fixes for a symptom as it was just detected, the best for this case first."""
    return tuple(remedy for remedy in _REMEDIES[symptom](detection, window) if remedy is not None)


def _vanishing(detection: Detection, window: Window) -> Fixes:
    layers = window.layers
    squashing = use_relu(layers)
    scale = "Weights scaled to the fan-in keep the gradient's size from layer to layer."
    fresh = reinitialize(_to_reinitialize(detection, window), scale)
    # The activation function first: with any weights, a sigmoid passes at most a quarter.
    yield from (squashing, fresh) if squashing is not None else (fresh,)
    yield normalize(
        layers, "A norm layer brings each layer's output, and so its gradient, back to scale."
    )
    yield fewer_layers(layers)


def _exploding(detection: Detection, window: Window) -> Fixes:
    over_steps = "baseline" in detection.evidence
    cut = clip(window, detection.first_step)
    slower = learning_rate(
        window, 0.1, "Large steps move the weights to where gradients are even larger."
    )
    fresh = reinitialize(
        _to_reinitialize(detection, window),
        "Weights scaled to the fan-in keep the gradient's size from layer to layer.",
    )
    norms = normalize(window.layers, "A norm layer undoes the growth at each layer.")
    yield from (cut, slower, norms) if over_steps else (fresh, norms, cut, slower)


def _nonfinite_gradients(detection: Detection, window: Window) -> Fixes:
    yield skip_nonfinite()
    if detection.origin not in ("input", "weights"):
        yield clip(window, detection.first_step)
        yield learning_rate(
            window,
            0.1,
            "Values that overflow are usually the result of steps that were too large.",
        )
    yield find_nonfinite("Anomaly mode names the line of code; gradwidget names the layer.")


def _nonfinite_loss(detection: Detection, window: Window) -> Fixes:
    if detection.origin == "input":
        yield skip_nonfinite()
    else:
        yield learning_rate(
            window,
            0.1,
            "A loss that overflows is usually the result of steps that were too large.",
        )
        yield clip(window, detection.first_step)
        yield skip_nonfinite()
    yield find_nonfinite("Check the loss for log(0), a division by 0, or exp of a large number.")


def _nonfinite_weights(detection: Detection, window: Window) -> Fixes:
    lost = [layer for layer in window.layers if layer.name in detection.layers]
    yield reinitialize(
        lost, "The old weights are lost. Better: load a checkpoint from before this step."
    )
    yield skip_nonfinite()
    yield learning_rate(window, 0.1, "Smaller steps make it less likely that it happens again.")


def _unstable(detection: Detection, window: Window) -> Fixes:
    yield learning_rate(window, 0.1, "A jump after an update means that the update went too far.")
    yield clip(window, detection.first_step)


def _growing(detection: Detection, window: Window) -> Fixes:
    yield learning_rate(window, 0.1, "Weights grow without bound where each step overshoots.")
    yield weight_decay(more=True)
    yield reinitialize(
        _named(detection, window), "Weights this large do not return to a usual size by themselves."
    )


def _shrinking(detection: Detection, window: Window) -> Fixes:
    yield weight_decay(more=False)
    yield reinitialize(
        _named(detection, window),
        "What is lost does not come back by itself: start the layer again.",
    )


def _dead(detection: Detection, window: Window) -> Fixes:
    yield reinitialize(
        _named(detection, window),
        "A unit that is off for every input gets no gradient that could revive it.",
    )
    yield raise_bias(detection.layers)
    yield leaky_relu(window.layers)
    yield learning_rate(
        window, 0.1, "One step that is too large can make a unit negative for all inputs."
    )


def _saturated(detection: Detection, window: Window) -> Fixes:
    yield reinitialize(
        _named(detection, window),
        "Smaller weights bring units back to where the activation function has a slope.",
    )
    yield use_relu(window.layers)
    yield normalize(
        window.layers,
        "A norm layer before the activation function keeps its inputs where it has a slope.",
    )
    yield scale_inputs()


def _disconnected(detection: Detection, window: Window) -> Fixes:
    del window
    yield add_to_optimizer(detection.layers)
    yield find_cut(detection.layers)
    yield freeze(detection.layers)


def _time_vanishing(detection: Detection, window: Window) -> Fixes:
    named = _named(detection, window)
    yield gated_cell(named)
    yield forget_bias(named)
    yield orthogonal(named)


def _time_exploding(detection: Detection, window: Window) -> Fixes:
    named = _named(detection, window)
    yield orthogonal(named)
    yield clip(window, detection.first_step)
    yield gated_cell(named)


def _underflow(detection: Detection, window: Window) -> Fixes:
    del detection, window
    yield loss_scaling()
    yield bfloat16()


def _too_fast(detection: Detection, window: Window) -> Fixes:
    moves = detection.evidence["value"]
    # Toward the usual 0.1% per step, by a round factor.
    factor = 0.01 if moves > 0.1 else 0.1
    yield learning_rate(
        window, factor, f"A step moves the weights by {moves:,.0%} of their size; 0.1% is usual."
    )
    yield clip(window, detection.first_step)


def _too_slow(detection: Detection, window: Window) -> Fixes:
    moves = max(detection.evidence["value"], 1e-7)
    factor = 10.0 ** round(math.log10(1e-3 / moves))
    yield learning_rate(
        window,
        factor,
        f"A step moves the weights by {shown(moves)} of their size; 0.001 is usual.",
    )


def _plateau(detection: Detection, window: Window) -> Fixes:
    """What helps against the cause helps against the plateau."""
    cause = next(
        (finding for symptom, finding in window.active.items() if symptom is not Symptom.PLATEAU),
        None,
    )
    del detection
    yield from cause.remedies if cause is not None else ()


def _to_reinitialize(detection: Detection, window: Window) -> list[Layer]:
    """All layers where the run started that way, else the named ones.

    Each layer contributes its factor, not only those past the bound.
    """
    if detection.first_step == window.history.first_step:
        return list(window.layers)
    return _named(detection, window)


def _named(detection: Detection, window: Window) -> list[Layer]:
    return [layer for layer in window.layers if layer.name in detection.layers]


_REMEDIES: dict[Symptom, Callable[[Detection, Window], Fixes]] = {
    Symptom.VANISHING_GRADIENTS: _vanishing,
    Symptom.EXPLODING_GRADIENTS: _exploding,
    Symptom.GRADIENTS_NONFINITE: _nonfinite_gradients,
    Symptom.LOSS_NONFINITE: _nonfinite_loss,
    Symptom.WEIGHTS_NONFINITE: _nonfinite_weights,
    Symptom.LOSS_UNSTABLE: _unstable,
    Symptom.WEIGHTS_GROWING: _growing,
    Symptom.EARLY_LAYERS_FROZEN: _vanishing,
    Symptom.PLATEAU: _plateau,
    Symptom.WEIGHTS_SHRINKING: _shrinking,
    Symptom.WEIGHTS_ZERO: _shrinking,
    Symptom.DEAD_RELU: _dead,
    Symptom.SATURATED: _saturated,
    Symptom.NO_GRADIENT: _disconnected,
    Symptom.RNN_VANISHING_IN_TIME: _time_vanishing,
    Symptom.RNN_EXPLODING_IN_TIME: _time_exploding,
    Symptom.FP16_UNDERFLOW: _underflow,
    Symptom.LR_TOO_HIGH: _too_fast,
    Symptom.LR_TOO_LOW: _too_slow,
}
