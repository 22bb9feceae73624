"""Which symptom can bring about which, as data: the cause, what follows from it, and in what order.

Read it as a list of causes, the surest first. A cause explains every symptom in its row that did
not begin before it. What is exact (the wiring, the loop, the head and its loss) stands above what
is statistical, since it needs no explanation itself; inputs and weights stand above the learning
rate, and that above what gradients, units and the loss show.
"""

from __future__ import annotations

from gradwidget.diagnose.finding import Symptom

S = Symptom

NONFINITE = frozenset({S.LOSS_NONFINITE, S.GRADIENTS_NONFINITE, S.WEIGHTS_NONFINITE})
"""What a run ends in; nothing that is measured after it explains it."""

LASTING = NONFINITE | {
    S.DEAD_RELU,
    S.SATURATED,
    S.ZERO_GRADIENT,
    S.WEIGHTS_ZERO,
    S.WEIGHTS_GROWING,
}
"""What does not end by itself once its cause has ended."""

SHUT = frozenset(
    {S.VANISHING_GRADIENTS, S.ZERO_GRADIENT, S.DEAD_RELU, S.SATURATED, S.COLLAPSED_OUTPUTS}
)
"""What steps that were too large leave behind, where it was not there before them."""

_NOTHING_LEARNED = {S.PLATEAU, S.EARLY_LAYERS_FROZEN, S.LR_TOO_LOW}
_GRADIENT_GONE = {*_NOTHING_LEARNED, S.VANISHING_GRADIENTS, S.ZERO_GRADIENT, S.NO_GRADIENT}
_UNITS_OFF = {S.DEAD_RELU, S.SATURATED}
_OUT_OF_CONTROL = {
    S.EXPLODING_GRADIENTS,
    S.LOSS_UNSTABLE,
    S.LOSS_DIVERGING,
    S.WEIGHTS_GROWING,
    S.LR_TOO_HIGH,
    *NONFINITE,
}
_ANYTHING = {
    *_GRADIENT_GONE,
    *_UNITS_OFF,
    *_OUT_OF_CONTROL,
    S.WEIGHTS_SHRINKING,
    S.WEIGHTS_ZERO,
    S.FP16_UNDERFLOW,
    S.UPDATES_LOST,
    S.COLLAPSED_OUTPUTS,
    S.RNN_EXPLODING_IN_TIME,
    S.RNN_VANISHING_IN_TIME,
}

EXPLAINS: dict[Symptom, frozenset[Symptom]] = {
    # The wiring, the loop, the head and its loss: exact.
    S.NO_STEP: frozenset({*_ANYTHING, S.NOT_IN_OPTIMIZER, S.GRADIENTS_NOT_CLEARED}),
    S.LOSS_DETACHED: frozenset(_ANYTHING | {S.NOT_IN_OPTIMIZER}),
    S.GRADIENTS_NOT_CLEARED: frozenset(
        {*_OUT_OF_CONTROL, *_UNITS_OFF, S.PLATEAU, S.VANISHING_GRADIENTS, S.ZERO_GRADIENT}
        | {S.COLLAPSED_OUTPUTS}
    ),
    S.UNREGISTERED_LAYERS: frozenset(
        {*_NOTHING_LEARNED, S.NO_GRADIENT, S.NOT_IN_OPTIMIZER, S.COLLAPSED_OUTPUTS}
    ),
    S.NOT_IN_OPTIMIZER: frozenset(
        {*_NOTHING_LEARNED, S.EXPLODING_GRADIENTS, S.LOSS_DIVERGING, S.GRADIENTS_NOT_CLEARED}
    ),
    S.DOUBLE_SOFTMAX: frozenset(
        # A loss of what are no logarithms falls without an end, and all grows with it.
        {*_GRADIENT_GONE, S.SATURATED, S.COLLAPSED_OUTPUTS, S.GRADIENT_ASCENT, S.WEIGHTS_GROWING}
        | {S.EXPLODING_GRADIENTS, S.LOSS_DIVERGING, *NONFINITE}
    ),
    # Layers that were built to be normalized are not: what passes through them grows or dies away.
    S.EVAL_MODE: frozenset(
        {*_OUT_OF_CONTROL, *_UNITS_OFF, *(_GRADIENT_GONE - {S.NO_GRADIENT}), S.COLLAPSED_OUTPUTS}
    ),
    S.SAME_BATCH: frozenset(_UNITS_OFF),
    S.GRADIENT_ASCENT: frozenset({*_OUT_OF_CONTROL, *_GRADIENT_GONE, *_UNITS_OFF}),
    # What goes in, and what is to come out.
    S.BAD_INPUTS: frozenset(_ANYTHING),
    S.BAD_TARGETS: frozenset(
        {*_OUT_OF_CONTROL, *_UNITS_OFF, S.PLATEAU, S.LR_TOO_LOW, S.VANISHING_GRADIENTS}
        | {S.COLLAPSED_OUTPUTS, S.ZERO_GRADIENT}
    ),
    # Layers that get nothing because of how they are connected.
    S.NO_GRADIENT: frozenset({*_NOTHING_LEARNED, S.VANISHING_GRADIENTS}),
    # The format of numbers.
    S.FP16_UNDERFLOW: frozenset({*_GRADIENT_GONE}),
    S.UPDATES_LOST: frozenset({*_NOTHING_LEARNED}),
    # What the profile of the first steps shows: the weights as they were drawn.
    S.RNN_EXPLODING_IN_TIME: frozenset(
        {*_OUT_OF_CONTROL, *_UNITS_OFF, S.PLATEAU, S.RNN_VANISHING_IN_TIME, S.LR_TOO_LOW}
    ),
    S.EXPLODING_GRADIENTS: frozenset(
        {
            *(_OUT_OF_CONTROL - {S.EXPLODING_GRADIENTS}),
            *_UNITS_OFF,
            S.PLATEAU,
            S.VANISHING_GRADIENTS,
            S.ZERO_GRADIENT,
            S.LR_TOO_LOW,
        }
    ),
    # The steps of the optimizer.
    S.LR_TOO_HIGH: frozenset(
        {
            *(_OUT_OF_CONTROL - {S.LR_TOO_HIGH}),
            *_UNITS_OFF,
            *_GRADIENT_GONE,
            S.WEIGHTS_ZERO,
            S.WEIGHTS_SHRINKING,
            S.COLLAPSED_OUTPUTS,
            S.RNN_EXPLODING_IN_TIME,
            S.RNN_VANISHING_IN_TIME,
        }
    ),
    S.ZERO_GRADIENT: frozenset(
        {*_NOTHING_LEARNED, S.NO_GRADIENT, S.VANISHING_GRADIENTS, S.WEIGHTS_ZERO, S.DEAD_RELU}
    ),
    S.WEIGHTS_ZERO: frozenset(
        {
            *(_GRADIENT_GONE - {S.ZERO_GRADIENT}),
            *_UNITS_OFF,
            S.WEIGHTS_SHRINKING,
            S.COLLAPSED_OUTPUTS,
        }
    ),
    S.WEIGHTS_SHRINKING: frozenset(
        {*_GRADIENT_GONE, *_UNITS_OFF, S.WEIGHTS_ZERO, S.COLLAPSED_OUTPUTS}
    ),
    S.WEIGHTS_GROWING: frozenset(
        {*_UNITS_OFF, *_GRADIENT_GONE, *NONFINITE, S.EXPLODING_GRADIENTS, S.LOSS_DIVERGING}
        | {S.LOSS_UNSTABLE, S.RNN_EXPLODING_IN_TIME, S.RNN_VANISHING_IN_TIME, S.COLLAPSED_OUTPUTS}
    ),
    S.LOSS_UNSTABLE: frozenset({*NONFINITE, *_UNITS_OFF, S.PLATEAU, S.WEIGHTS_GROWING}),
    S.LOSS_DIVERGING: frozenset({*NONFINITE, S.LOSS_UNSTABLE}),
    # What units and gradients do.
    S.DEAD_RELU: frozenset({*_GRADIENT_GONE, S.COLLAPSED_OUTPUTS}),
    S.SATURATED: frozenset({*_GRADIENT_GONE, S.COLLAPSED_OUTPUTS}),
    S.VANISHING_GRADIENTS: frozenset({*_NOTHING_LEARNED, S.COLLAPSED_OUTPUTS}),
    S.COLLAPSED_OUTPUTS: frozenset(
        {*_NOTHING_LEARNED, S.VANISHING_GRADIENTS, S.ZERO_GRADIENT, *_UNITS_OFF}
    ),
    S.RNN_VANISHING_IN_TIME: frozenset({*_NOTHING_LEARNED, S.VANISHING_GRADIENTS}),
    S.EARLY_LAYERS_FROZEN: frozenset({S.PLATEAU}),
    S.LR_TOO_LOW: frozenset({S.PLATEAU, S.EARLY_LAYERS_FROZEN}),
    # One NaN goes on from the loss to the gradients to the weights.
    S.LOSS_NONFINITE: frozenset({S.GRADIENTS_NONFINITE, S.WEIGHTS_NONFINITE}),
    S.GRADIENTS_NONFINITE: frozenset({S.WEIGHTS_NONFINITE, S.LOSS_NONFINITE}),
    S.WEIGHTS_NONFINITE: frozenset({S.LOSS_NONFINITE, S.GRADIENTS_NONFINITE}),
    # A network that cannot learn as it is built: what its gradients do follows from that.
    S.PLATEAU: frozenset(
        {S.VANISHING_GRADIENTS, S.ZERO_GRADIENT, S.EARLY_LAYERS_FROZEN, S.COLLAPSED_OUTPUTS}
        | {S.LR_TOO_LOW, S.RNN_VANISHING_IN_TIME}
    ),
}
"""For each symptom, as a cause: the symptoms that it can bring about. The surest cause first."""

EXACT = frozenset(
    {
        S.NO_STEP,
        S.LOSS_DETACHED,
        S.GRADIENTS_NOT_CLEARED,
        S.UNREGISTERED_LAYERS,
        S.NOT_IN_OPTIMIZER,
        S.DOUBLE_SOFTMAX,
        S.EVAL_MODE,
        S.SAME_BATCH,
        S.GRADIENT_ASCENT,
    }
)
"""Causes that are read, not estimated, and training that climbs: at the same time as others they
come first, even where they are noticed a little later."""

OF_SAME_UNITS = frozenset(_ANYTHING - {S.NO_GRADIENT, S.FP16_UNDERFLOW, S.UPDATES_LOST})
"""What units that are copies of each other bring about: their gradients and steps add up as one."""

OF_RECURRENCE = frozenset(
    {*_NOTHING_LEARNED, S.VANISHING_GRADIENTS, S.COLLAPSED_OUTPUTS, S.SATURATED}
    | {S.RNN_VANISHING_IN_TIME, S.RNN_EXPLODING_IN_TIME}
)
"""What recurrent layers that run over the samples bring about: what is seen along their time is
not that of the data."""

OF_ONE_PACE = frozenset({S.LR_TOO_HIGH})
"""What weights that one factor drives bring about besides: gradients that outgrow any rate."""

OF_BOTH = frozenset({S.BAD_TARGETS})
"""What inputs say besides that are out of scale together with the targets."""

BY_STEPS = frozenset({S.EXPLODING_GRADIENTS, S.LOSS_UNSTABLE})
"""Causes of a NaN by the steps that follow from them, which have to move the weights far."""

FAR = 0.3
"""Change of a layer's weights in one step over their size, without which steps make no NaN.

From 1 to the end of fp32 takes a factor of 1e38, from layer to layer or from step to step.
"""

AT_ONCE = frozenset({S.EXPLODING_GRADIENTS, S.LOSS_UNSTABLE, S.WEIGHTS_ZERO})
"""Causes that show at the very step at which they begin: they explain nothing that began before."""
