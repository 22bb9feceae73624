"""The rules, one file per symptom; this file lists them."""

from __future__ import annotations

from collections.abc import Callable

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.bad_inputs import bad_inputs
from gradwidget.diagnose.rules.bad_targets import bad_targets
from gradwidget.diagnose.rules.collapsed_outputs import collapsed_outputs
from gradwidget.diagnose.rules.dead_relu import dead_relu
from gradwidget.diagnose.rules.double_softmax import double_softmax
from gradwidget.diagnose.rules.early_layers_frozen import early_layers_frozen
from gradwidget.diagnose.rules.eval_mode import eval_mode
from gradwidget.diagnose.rules.exploding_gradients import exploding_gradients
from gradwidget.diagnose.rules.fp16_underflow import fp16_underflow
from gradwidget.diagnose.rules.gradient_ascent import gradient_ascent
from gradwidget.diagnose.rules.gradients_nonfinite import gradients_nonfinite
from gradwidget.diagnose.rules.gradients_not_cleared import gradients_not_cleared
from gradwidget.diagnose.rules.loss_detached import loss_detached
from gradwidget.diagnose.rules.loss_diverging import loss_diverging
from gradwidget.diagnose.rules.loss_nonfinite import loss_nonfinite
from gradwidget.diagnose.rules.loss_unstable import loss_unstable
from gradwidget.diagnose.rules.lr_too_high import lr_too_high
from gradwidget.diagnose.rules.lr_too_low import lr_too_low
from gradwidget.diagnose.rules.no_gradient import no_gradient
from gradwidget.diagnose.rules.no_step import no_step
from gradwidget.diagnose.rules.not_in_optimizer import not_in_optimizer
from gradwidget.diagnose.rules.plateau import plateau
from gradwidget.diagnose.rules.rnn_exploding_in_time import rnn_exploding_in_time
from gradwidget.diagnose.rules.rnn_vanishing_in_time import rnn_vanishing_in_time
from gradwidget.diagnose.rules.same_batch import same_batch
from gradwidget.diagnose.rules.saturated import saturated
from gradwidget.diagnose.rules.unregistered_layers import unregistered_layers
from gradwidget.diagnose.rules.updates_lost import updates_lost
from gradwidget.diagnose.rules.vanishing_gradients import vanishing_gradients
from gradwidget.diagnose.rules.weights_growing import weights_growing
from gradwidget.diagnose.rules.weights_nonfinite import weights_nonfinite
from gradwidget.diagnose.rules.weights_shrinking import weights_shrinking
from gradwidget.diagnose.rules.weights_zero import weights_zero
from gradwidget.diagnose.rules.zero_gradient import zero_gradient

Rule = Callable[[Window, Finding | None], Detection | None]
"""Given the newest frames and the open finding of its symptom, if any: what it sees now."""

RULES: dict[Symptom, Rule] = {
    Symptom.GRADIENTS_NONFINITE: gradients_nonfinite,
    Symptom.LOSS_NONFINITE: loss_nonfinite,
    Symptom.WEIGHTS_NONFINITE: weights_nonfinite,
    Symptom.EXPLODING_GRADIENTS: exploding_gradients,
    Symptom.VANISHING_GRADIENTS: vanishing_gradients,
    Symptom.LOSS_UNSTABLE: loss_unstable,
    Symptom.WEIGHTS_GROWING: weights_growing,
    Symptom.WEIGHTS_SHRINKING: weights_shrinking,
    Symptom.WEIGHTS_ZERO: weights_zero,
    Symptom.EARLY_LAYERS_FROZEN: early_layers_frozen,
    Symptom.DEAD_RELU: dead_relu,
    Symptom.SATURATED: saturated,
    Symptom.NO_GRADIENT: no_gradient,
    Symptom.RNN_VANISHING_IN_TIME: rnn_vanishing_in_time,
    Symptom.RNN_EXPLODING_IN_TIME: rnn_exploding_in_time,
    Symptom.FP16_UNDERFLOW: fp16_underflow,
    Symptom.LR_TOO_HIGH: lr_too_high,
    Symptom.LR_TOO_LOW: lr_too_low,
    Symptom.NO_STEP: no_step,
    Symptom.LOSS_DETACHED: loss_detached,
    Symptom.GRADIENTS_NOT_CLEARED: gradients_not_cleared,
    Symptom.UNREGISTERED_LAYERS: unregistered_layers,
    Symptom.NOT_IN_OPTIMIZER: not_in_optimizer,
    Symptom.DOUBLE_SOFTMAX: double_softmax,
    Symptom.EVAL_MODE: eval_mode,
    Symptom.SAME_BATCH: same_batch,
    Symptom.UPDATES_LOST: updates_lost,
    Symptom.COLLAPSED_OUTPUTS: collapsed_outputs,
    Symptom.LOSS_DIVERGING: loss_diverging,
    Symptom.GRADIENT_ASCENT: gradient_ascent,
    Symptom.ZERO_GRADIENT: zero_gradient,
    Symptom.BAD_INPUTS: bad_inputs,
    Symptom.BAD_TARGETS: bad_targets,
    Symptom.PLATEAU: plateau,
}
"""In the order in which they run; those that read what the others found are last."""

AT_EVERY_FRAME = frozenset(
    {
        Symptom.GRADIENTS_NONFINITE,
        Symptom.LOSS_NONFINITE,
        Symptom.WEIGHTS_NONFINITE,
        Symptom.EXPLODING_GRADIENTS,
        Symptom.VANISHING_GRADIENTS,
        Symptom.BAD_INPUTS,
        Symptom.LR_TOO_HIGH,
        Symptom.NO_STEP,
        Symptom.LOSS_DETACHED,
        Symptom.GRADIENTS_NOT_CLEARED,
        Symptom.EVAL_MODE,
    }
)
"""Those that run at every frame, so that they report at once.

The others take turns: their evidence spans many steps, and each run of a rule costs time.
"""
