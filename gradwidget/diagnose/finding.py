"""What the diagnosis says: a symptom of this run, its evidence, and the fixes for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradwidget.strenum import StrEnum

_TITLES: dict[str, str] = {
    "gradients_nonfinite": "NaN or Inf in gradients",
    "loss_nonfinite": "NaN or Inf in the loss",
    "weights_nonfinite": "NaN or Inf in weights",
    "loss_unstable": "Unstable loss",
    "plateau": "Loss does not improve",
    "weights_zero": "Weights near zero",
    "dead_relu": "Dead ReLU units",
    "saturated": "Saturated units",
    "rnn_vanishing_in_time": "Gradients vanish over time steps",
    "rnn_exploding_in_time": "Gradients explode over time steps",
    "fp16_underflow": "Gradients lost in half precision",
    "lr_too_high": "Learning rate too high",
    "lr_too_low": "Learning rate too low",
    "zero_gradient": "Gradients are exactly zero",
    "not_in_optimizer": "Parameters in no optimizer",
    "unregistered_layers": "Layers that are not part of the model",
    "loss_diverging": "Loss diverges",
    "bad_inputs": "Inputs out of scale",
    "bad_targets": "Targets out of scale",
    "gradient_ascent": "Training climbs the loss",
    "gradients_not_cleared": "Gradients are never cleared",
    "no_step": "No optimizer steps",
    "double_softmax": "Outputs do not fit the loss",
    "eval_mode": "Training in evaluation mode",
    "loss_detached": "The loss has no graph",
    "updates_lost": "Updates lost to rounding",
    "collapsed_outputs": "Outputs have become alike",
    "same_batch": "The same batch at every step",
}
"""Titles that are not just the code in words."""

Severity = Literal["warning", "critical"]
Origin = Literal["input", "weights", "forward", "loss", "backward", "update", "unknown"]


class Symptom(StrEnum):
    """The conditions that gradwidget can name. The codes are public and stable."""

    EXPLODING_GRADIENTS = "exploding_gradients"
    GRADIENTS_NONFINITE = "gradients_nonfinite"
    LOSS_NONFINITE = "loss_nonfinite"
    WEIGHTS_NONFINITE = "weights_nonfinite"
    VANISHING_GRADIENTS = "vanishing_gradients"
    LOSS_UNSTABLE = "loss_unstable"
    WEIGHTS_GROWING = "weights_growing"
    EARLY_LAYERS_FROZEN = "early_layers_frozen"
    PLATEAU = "plateau"
    WEIGHTS_SHRINKING = "weights_shrinking"
    WEIGHTS_ZERO = "weights_zero"
    DEAD_RELU = "dead_relu"
    SATURATED = "saturated"
    NO_GRADIENT = "no_gradient"
    RNN_VANISHING_IN_TIME = "rnn_vanishing_in_time"
    RNN_EXPLODING_IN_TIME = "rnn_exploding_in_time"
    FP16_UNDERFLOW = "fp16_underflow"
    LR_TOO_HIGH = "lr_too_high"
    LR_TOO_LOW = "lr_too_low"
    ZERO_GRADIENT = "zero_gradient"
    NOT_IN_OPTIMIZER = "not_in_optimizer"
    UNREGISTERED_LAYERS = "unregistered_layers"
    LOSS_DIVERGING = "loss_diverging"
    BAD_INPUTS = "bad_inputs"
    BAD_TARGETS = "bad_targets"
    GRADIENT_ASCENT = "gradient_ascent"
    GRADIENTS_NOT_CLEARED = "gradients_not_cleared"
    NO_STEP = "no_step"
    DOUBLE_SOFTMAX = "double_softmax"
    EVAL_MODE = "eval_mode"
    LOSS_DETACHED = "loss_detached"
    UPDATES_LOST = "updates_lost"
    COLLAPSED_OUTPUTS = "collapsed_outputs"
    SAME_BATCH = "same_batch"


_BY_REASON = {
    (Symptom.BAD_INPUTS, "targets"): "Inputs and targets out of scale",
    (Symptom.BAD_TARGETS, "ordered"): "Data sorted by class",
    (Symptom.BAD_TARGETS, "classes"): "Batches of one class each",
    (Symptom.BAD_TARGETS, "constant"): "All targets are the same",
    (Symptom.BAD_TARGETS, "label"): "One label for real and generated samples",
    (Symptom.COLLAPSED_OUTPUTS, "pulled"): "Nothing in the loss keeps outputs apart",
    (Symptom.LOSS_DETACHED, "derivatives"): "A term of the loss has no graph",
    (Symptom.DOUBLE_SOFTMAX, "low"): "Targets do not fit the loss",
    (Symptom.DOUBLE_SOFTMAX, "samples"): "Attention over the samples",
    (Symptom.DOUBLE_SOFTMAX, "recurrent"): "Recurrence over the samples",
    (Symptom.DOUBLE_SOFTMAX, "ahead"): "Attention sees the tokens that it is to predict",
    (Symptom.LR_TOO_LOW, "clipped"): "Clipping leaves next to nothing",
    (Symptom.LR_TOO_LOW, "eps"): "Eps is larger than the gradients",
}
"""Titles of symptoms for a reason that their evidence holds."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A fix for a finding."""

    title: str
    """What to do, in a few words."""

    why: str
    """Why it helps here, with numbers from the run."""

    code: str
    """Python to run with ``model``, ``optimizer`` and ``torch`` in scope; it names the layers."""

    action: Mapping[str, object] | None = None
    """Plain data to apply it to the running loop; None where only an edit of the code helps."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A symptom detected in this run. A later state of the same finding is a new object."""

    symptom: Symptom
    severity: Severity
    message: str
    """One sentence that a student understands."""

    layers: tuple[str, ...]
    """Layers concerned, most affected first; empty means the whole model."""

    first_step: int
    """The step at which the evidence begins."""

    reported_step: int
    """The step at which it was first reported; never backdated."""

    last_step: int
    """The last step at which it was detected."""

    active: bool = True
    """False once it is over."""

    caveat: str = ""
    """What could make it a false alarm."""

    evidence: Mapping[str, float] = field(default_factory=dict)
    """The numbers behind it: at least ``value``, ``bound`` and ``window`` (frames considered)."""

    origin: Origin | None = None
    """For non-finite values: where they arose."""

    remedies: tuple[Remedy, ...] = ()
    """Fixes, the best for this case first; those of its cause where there is one."""

    because: Symptom | None = None
    """The finding that explains this one, by its symptom; None for a cause."""

    consequences: tuple[Symptom, ...] = ()
    """The findings that this one explains, directly or through others, in the order in which they
    began."""

    @property
    def title(self) -> str:
        """The symptom in words, such as ``"Vanishing gradients"``."""
        if self.symptom is Symptom.BAD_INPUTS and self.evidence.get("bound") == 0:
            # It is no matter of scale where nothing but NaN or one number enters.
            return (
                "NaN or Inf in the inputs" if self.origin == "input" else "Inputs are all the same"
            )
        if has_same_units(self):
            return "All units are the same"
        for (symptom, reason), title in _BY_REASON.items():
            if self.symptom is symptom and reason in self.evidence:
                return title
        return _TITLES.get(self.symptom) or self.symptom.value.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Detection:
    """A symptom as a rule detects it at the newest frame."""

    severity: Severity
    message: str
    """One sentence that a student understands."""

    layers: tuple[str, ...]
    """Most affected first; empty means the whole model."""

    first_step: int
    """The first measured step of the evidence."""

    evidence: Mapping[str, float]
    """At least ``value``, ``bound`` and ``window``."""

    caveat: str
    """What could make it a false alarm."""

    origin: Origin | None = None
    """For non-finite values: where they arose."""


def is_barred(found: Finding | Detection) -> bool:
    """Whether a plateau is known to be due to how the network and its loss are built."""
    return found.evidence.get("barred", 0.0) > 0


def has_same_units(found: Finding | Detection) -> bool:
    """Whether what is alike is the units of layers, by their weights: read, not estimated."""
    return found.evidence.get("same_units", 0.0) > 0


def is_over_samples(found: Finding | Detection) -> bool:
    """Whether it is recurrent layers that run over the samples of a batch."""
    return found.evidence.get("recurrent", 0.0) > 0


def is_clipped(found: Finding | Detection) -> bool:
    """Whether steps are too small for what clipping has left of the gradient, which is read."""
    return found.evidence.get("clipped", 0.0) > 0


def is_sorted(found: Finding) -> bool:
    """Whether it is batches whose classes come in an order, as their targets show it."""
    return found.symptom is Symptom.BAD_TARGETS and "classes" in found.evidence


def is_of_both(found: Finding) -> bool:
    """Whether it is inputs that are out of scale together with the targets."""
    return found.symptom is Symptom.BAD_INPUTS and "targets" in found.evidence


def is_driven(found: Finding | Detection) -> bool:
    """Whether weights grow by one factor in all layers, which no rate does and a penalty may."""
    return found.evidence.get("growth", 0.0) > 0
