"""Every bound that a rule uses, with the reason for it, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of all rules. Pass an own one to ``Engine`` to change some.

    Where a symptom is defined by two figures, one that has it and one that has it not, the bound
    lies near their geometric middle: a live rule sees noisy batches and should err as rarely to the
    one side as to the other.

    Example:
        >>> Thresholds(vanishing_ratio=1e-4).vanishing_ratio
        0.0001
    """

    window: int = 9
    """Frames whose median is judged: five of nine must agree, so that one odd batch decides nothing
    and a report comes five steps after the onset."""

    lasting_steps: int = 20
    """Steps that a state of a layer's units must last: units also die and wake within the first
    steps of a run."""

    quiet: int = 20
    """Steps without the symptom after which a finding is over, in a window of frames at least: two
    windows where every step is measured, so that it does not flicker."""

    vanishing_ratio: float = 3e-3
    """dL/d(output) of the first over the last layer. 1e-3 is vanishing (AutoTrainer's first/last
    ratio, 10.1109/ icse43902.2021.00043), 1e-2 is not."""

    vanishing_weight_ratio: float = 1e-4
    """The same on weight gradients, for runs without activation gradients: stricter, since a
    layer's size and its input's scale enter a weight gradient too."""

    vanishing_over_start: float = 3e-3
    """A layer's gradient over its start while the loss is still high; 1e-3 is vanishing, 1e-2 is
    not."""

    vanishing_loss_share: float = 0.5
    """Above this share of its start the loss counts as still high: small gradients then do not mean
    that the model has converged."""

    recovery_steps: int = 30
    """A decay that would, by its present trend, be gone within so many steps is given that time: a
    head or a residual branch that starts at zero passes through such a profile on its way."""

    minimum_chain: int = 3
    """Layers with a measured profile below which nothing is said about depth."""

    exploding_ratio: float = 170.0
    """dL/d(output) of the first over the last layer; 1,000 is exploding, 30 is not."""

    exploding_weight_ratio: float = 3e3
    """The same on weight gradients, for runs without activation gradients."""

    exploding_spike: float = 35.0
    """Total gradient over the highest of its own past; 100 is exploding, 12 is not. The highest,
    not the median: a converged model has small gradients between rare large ones. SPAM (arXiv
    2501.06842) calls 50 a spike."""

    spike_past: int = 200
    """Frames of the past that a spike is compared with."""

    slow_rule_interval: int = 4
    """Frames between two looks of a rule whose evidence takes many steps anyway. All are looked at
    where frames are far apart."""

    spike_rise: int = 4
    """Frames within which a spike must have risen. A plateau that is left behind also raises the
    gradient by orders of magnitude, but over many steps."""

    spike_minimum_past: int = 2
    """Frames of the past without which no spike is called."""

    dead_share: float = 0.93
    """Units of a layer that are 0 for a whole batch, for a window of steps. 0.9 is dead, 0.5 is a
    sparse layer; beyond the first, since a unit that fires rarely is 0 for most batches and is not
    dead."""

    saturated_share: float = 0.65
    """Outputs of a squashing activation that lie in its flats; 0.8 is saturated, 0.5 is not."""

    no_gradient_steps: int = 60
    """Steps without a gradient before a layer that never had one is called disconnected: a head
    used once in fifty steps is not."""

    no_gradient_after: int = 20
    """The same for a layer that had one for a while, and then no more."""

    no_gradient_chance: float = 1e-3
    """Chance that a layer which is used as often as before was passed over in so many frames in a
    row."""

    no_gradient_frames: int = 10
    """Measured frames among them that there must be; also those with a gradient that are a while.
    """

    growth: float = 6.3
    """Norm of a layer's weights over the larger of its start and a variance-preserving scale; 10
    has grown out of bounds, 4 is learning."""

    shrinkage: float = 0.2
    """Norm of a layer's weights over its start; 0.1 has shrunk, 0.4 is weight decay at work."""

    zero: float = 1e-3
    """Norm of a layer's weights over its start; 1e-4 is next to nothing left, 1e-2 is not."""

    frozen_ratio: float = 0.01
    """Movement of the least moved early layer over that of the most moved late one; 1e-2 is frozen,
    3e-2 is not."""

    frozen_frames: int = 30
    """Frames before movement is compared: the first steps of an adaptive optimizer say little."""

    plateau_share: float = 0.9
    """Loss over its start above which it has hardly improved; 0.95 is a plateau, 0.8 is not."""

    plateau_above: float = 2.0
    """Loss over its start above which it is not near it any more: a loss that was thrown up is no
    plateau."""

    plateau_fallen: float = 0.8
    """Loss over its start that shows, in a tenth of the frames or in three of them, that the run
    did learn: 0.8 is no plateau."""

    plateau_steps: int = 100
    """Steps that a run is given to begin to improve, half of them beside the cause that is named.
    """

    rnn_vanishing: float = 1e-3
    """dL/dh of the first over the last time step; 1e-4 is vanishing, 1e-2 is not."""

    rnn_exploding: float = 55.0
    """dL/dh of the first over the last time step; 100 is exploding, 30 is not."""

    rnn_profiles: int = 5
    """Profiles over time, more than half of which must agree."""

    underflow_share: float = 0.2
    """Gradient entries that are 0 in half precision; 0.3 is loss of gradient, 0.02 is not."""

    underflow_size: float = 1e-6
    """RMS of the other entries, at the scale of the backward pass: within some 16 of fp16's
    smallest numbers (2**-24, 6e-8), entries half that size are rounded to 0 (arXiv 1710.03740)."""

    update_high: float = 0.05
    """Change of a layer's weights at a step over their scale. 1e-3 is the usual rule;
    TheDeepChecker calls 0.1 too quick. Above this for a whole window, weights are replaced rather
    than improved."""

    update_falling: float = 0.9
    """Loss of the newest window of frames over the one before, below which a high learning rate
    plainly works."""

    update_low: float = 1e-4
    """Change of a layer's weights at a step over their scale below which learning hardly happens
    (TheDeepChecker)."""

    unstable_jumps: int = 3
    """Updates that raised the loss by half; 4 are unstable, 1 is not."""

    unstable_rise: float = 0.25
    """And by so much of the loss at the start. A tenth defines it on a batch that stays the same;
    from one batch of 32 to the next a healthy loss moves by as much."""

    unstable_update: float = 0.035
    """Change of the weights' direction over their scale that such an update must have made: the
    noise of small batches moves the loss as well, but weights that hardly changed, or only in size,
    did not."""

    unstable_window: int = 100
    """Frames in which jumps are counted."""

    skipped_in_a_row: int = 8
    """Steps in a row that a gradient scaler skipped. A scale of 65,536 needs a few halvings at the
    start of a healthy fp16 run; eight are a factor of 256."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            is_count = isinstance(field.default, int)
            least = 1 if is_count and field.name != "recovery_steps" else 0
            kind, words = (Integral, "a whole number") if is_count else (Real, "a finite number")
            if not (isinstance(value, kind) and math.isfinite(value) and float(value) >= least):
                message = f"{field.name} must be {words}, at least {least}, not {value!r}"
                raise ValueError(message)

    @property
    def of_one_frame(self) -> Thresholds:
        """The same bounds asked of the newest frame alone: what it shows is no finding yet, but
        worth a closer look.
        """
        return replace(
            self,
            window=1,
            lasting_steps=1,
            recovery_steps=0,
            no_gradient_steps=1,
            no_gradient_after=1,
            no_gradient_frames=1,
            no_gradient_chance=1.0,
            frozen_frames=1,
            rnn_profiles=1,
            unstable_jumps=1,
            unstable_window=2,
        )


DEFAULT = Thresholds()
