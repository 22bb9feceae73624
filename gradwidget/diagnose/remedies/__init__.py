"""Fixes for each symptom, ranked for the case at hand; one kind of fix a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gradwidget.diagnose.finding import Remedy, Symptom
from gradwidget.diagnose.remedies.activation import replace_squashing
from gradwidget.diagnose.remedies.clip import clip
from gradwidget.diagnose.remedies.fewer_layers import fewer_layers
from gradwidget.diagnose.remedies.find_nonfinite import find_nonfinite
from gradwidget.diagnose.remedies.learning_rate import learning_rate
from gradwidget.diagnose.remedies.normalise import normalise
from gradwidget.diagnose.remedies.reinitialise import reinitialise
from gradwidget.diagnose.remedies.skip_nonfinite import skip_nonfinite
from gradwidget.diagnose.sighting import Sighting
from gradwidget.diagnose.window import Window

Fixes = Iterable[Remedy | None]


def remedies_for(symptom: Symptom, sighting: Sighting, window: Window) -> tuple[Remedy, ...]:
    """The fixes for a symptom as it was just seen, the best for this case first."""
    return tuple(remedy for remedy in _REMEDIES[symptom](sighting, window) if remedy is not None)


def _vanishing(sighting: Sighting, window: Window) -> Fixes:
    layers = window.layers
    squashing = replace_squashing(layers)
    scale = "Weights scaled to the fan-in keep the gradient's size from layer to layer."
    fresh = reinitialise([layer for layer in layers if layer.name in sighting.layers], scale)
    # Weights that are right for a sigmoid do not make it pass more than a quarter: the activation comes first.
    yield from (squashing, fresh) if squashing is not None else (fresh,)
    yield normalise(layers, "A norm layer brings each layer's output, and so its gradient, back to scale.")
    yield fewer_layers(layers)


def _exploding(sighting: Sighting, window: Window) -> Fixes:
    over_steps = "baseline" in sighting.evidence
    cut = clip(window, sighting.first_step)
    slower = learning_rate(window, 0.1, "Large steps throw the weights to where gradients are larger still.")
    named = [layer for layer in window.layers if not sighting.layers or layer.name in sighting.layers]
    fresh = reinitialise(named, "Weights scaled to the fan-in keep the gradient's size from layer to layer.")
    norms = normalise(window.layers, "A norm layer takes the growth out of each layer.")
    yield from (cut, slower, norms) if over_steps else (fresh, norms, cut, slower)


def _nonfinite_gradients(sighting: Sighting, window: Window) -> Fixes:
    yield skip_nonfinite()
    if sighting.origin not in ("input", "weights"):
        yield clip(window, sighting.first_step)
        yield learning_rate(window, 0.1, "Values that overflow were usually driven there by steps that were too large.")
    yield find_nonfinite("Anomaly mode names the line of the program; gradwidget names the layer.")


def _nonfinite_loss(sighting: Sighting, window: Window) -> Fixes:
    if sighting.origin == "input":
        yield skip_nonfinite()
    else:
        yield learning_rate(window, 0.1, "A loss that overflows was usually driven there by steps that were too large.")
        yield clip(window, sighting.first_step)
        yield skip_nonfinite()
    yield find_nonfinite("Look for log(0), a division by 0, or exp of a large number in the loss.")


def _nonfinite_weights(sighting: Sighting, window: Window) -> Fixes:
    lost = [layer for layer in window.layers if layer.name in sighting.layers]
    yield reinitialise(lost, "The old weights are gone; better still, load those of a checkpoint before this step.")
    yield skip_nonfinite()
    yield learning_rate(window, 0.1, "So that it does not happen again.")


_REMEDIES: dict[Symptom, Callable[[Sighting, Window], Fixes]] = {
    Symptom.VANISHING_GRADIENTS: _vanishing,
    Symptom.EXPLODING_GRADIENTS: _exploding,
    Symptom.GRADIENTS_NONFINITE: _nonfinite_gradients,
    Symptom.LOSS_NONFINITE: _nonfinite_loss,
    Symptom.WEIGHTS_NONFINITE: _nonfinite_weights,
}
