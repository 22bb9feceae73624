"""Every bound that the rules use, with the reason for it, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of all rules, to be changed with ``GradMonitor(model, thresholds=...)``.

    Most bounds are between two values, one that has the symptom and one that does not, near their
    geometric mean: the rules see noisy batches and should err as rarely in one direction as in the
    other.

    Raises:
        ValueError: a bound is not a number, not finite or negative, or a count is not whole.

    Example:
        >>> Thresholds(vanishing_ratio=1e-4).vanishing_ratio
        0.0001
    """

    window: int = 9
    """Frames whose median is judged.

    Five of nine must agree, so a single unusual batch decides nothing, and a report comes five
    steps after the onset.
    """

    lasting_steps: int = 20
    """Steps for which a state of a layer's units must last.

    In the first steps of a run, units also die and recover.
    """

    quiet: int = 20
    """Steps without the symptom, and at least ``window`` frames, after which a finding is over.

    Two windows where every step is measured, so that it does not flicker.
    """

    comes_and_goes: int = 200
    """Steps within which a finding that was over and is detected again is still the same one."""

    certain_frames: int = 3
    """Frames that must show what is read exactly, such as gradients that were not cleared."""

    optimizer_steps: int = 10
    """Steps after which every optimizer of the loop has stepped, for ``not_in_optimizer``."""

    vanishing_ratio: float = 3e-3
    """dL/d(output) of the first over the last layer: 1e-3 is vanishing, 1e-2 is not.

    1e-3 is AutoTrainer's ratio of first to last layer (10.1109/icse43902.2021.00043).
    """

    vanishing_weight_ratio: float = 1e-4
    """The same for weight gradients, in runs without activation gradients.

    Stricter, since the size of a layer and the scale of its input affect a weight gradient too.
    """

    vanishing_over_start: float = 3e-3
    """Gradient of a layer over its initial one, while the loss is high: 1e-3 vanishes, 1e-2 not."""

    vanishing_loss_share: float = 0.5
    """Share of the initial loss above which the loss is still high.

    Small gradients then do not mean that the model has converged.
    """

    recovery_steps: int = 30
    """Steps granted to a decay whose present trend would end it within them.

    A head or a residual branch that starts at zero passes through such a profile.
    """

    minimum_chain: int = 3
    """Layers with a measured profile that are needed to judge depth."""

    exploding_ratio: float = 170.0
    """dL/d(output) of the first over the last layer: 1,000 is exploding, 30 is not."""

    exploding_weight_ratio: float = 3e3
    """The same for weight gradients, in runs without activation gradients."""

    exploding_spike: float = 35.0
    """Total gradient over the highest of the run's own past: 100 is exploding, 12 is not.

    The highest, not the median: a converged model has small gradients between rare large ones. SPAM
    (arXiv 2501.06842) calls 50 a spike.
    """

    spike_past: int = 200
    """Past frames that a spike is compared with."""

    slow_rule_interval: int = 4
    """Frames between two runs of a rule whose evidence spans many steps anyway.

    Where frames are far apart, every rule runs at each.
    """

    spike_rise: int = 4
    """Frames within which a spike must have risen.

    At the end of a plateau the gradient also rises by orders of magnitude, but over many steps.
    """

    spike_minimum_past: int = 2
    """Past frames that are needed to call a spike."""

    dead_share: float = 0.93
    """Units of a layer that are 0 for a whole batch, for ``lasting_steps`` steps.

    0.9 is dead, 0.5 is a sparse layer. The bound is beyond the first, since a unit that rarely
    activates is 0 for most batches and is not dead.
    """

    saturated_share: float = 0.65
    """Outputs of a squashing activation function that are saturated: 0.8 is too many, 0.5 not."""

    collapsed_spread: float = 0.02
    """Share of the activations before the last layer that differs from sample to sample.

    Healthy networks begin with 0.1 to 0.9; transformers may fall to 0.01 for their first twenty
    steps and come back. Forty layers with ReLU and without a way around them begin with 0.004 to
    0.04, ten sigmoids with 1e-6.
    """

    spread_back: float = 0.1
    """The same share above which what had become alike differs again."""

    samples_alike: float = 1e-6
    """Share of a batch that differs from sample to sample, below which there is only rounding."""

    units_alike: float = 0.01
    """Difference between units' weights over what one step changes, below which they are copies.

    After twenty steps that of units that are told apart is 1 and more. Adam makes up to 1e-3 of
    copies by rounding alone, mostly it stays 0.
    """

    spread_grows: float = 1.3
    """Spread of the newest window over that of ``lasting_steps`` above which it comes back."""

    no_gradient_steps: int = 60
    """Steps without a gradient before a layer that never had one is reported.

    A head that is used once in fifty steps is not.
    """

    no_gradient_after: int = 20
    """The same for a layer that had a gradient for a while and then no longer."""

    no_gradient_certain: int = 12
    """The same for a layer that ran in every one of these steps and never had a gradient."""

    no_gradient_chance: float = 1e-3
    """Probability that a layer still in use would have no gradient in that many frames in a row."""

    no_gradient_frames: int = 10
    """Measured frames that those steps must have, and frames with a gradient that are a while."""

    growth: float = 6.3
    """Norm of a layer's weights over the larger of its initial and a variance-preserving norm.

    10 has grown out of bounds, 4 is learning.
    """

    shrinkage: float = 0.2
    """Norm of a layer's weights over its initial norm: 0.1 has shrunk, 0.4 is mere weight decay."""

    zero: float = 1e-3
    """Norm of a layer's weights over its initial norm: 1e-4 is next to nothing, 1e-2 is not."""

    frozen_ratio: float = 0.01
    """Movement of the least moved early layer over that of the most moved late one.

    1e-2 is frozen, 3e-2 is not.
    """

    plateau_share: float = 0.9
    """Loss over its start above which it has hardly improved: 0.95 is a plateau, 0.8 is not."""

    plateau_above: float = 2.0
    """Loss over its start above which it is no longer near it, as after a jump: not a plateau."""

    plateau_fallen: float = 0.8
    """Loss over its start that shows that the run did learn.

    In a tenth of the steps or in three frames; 0.8 is not a plateau.
    """

    plateau_steps: int = 100
    """Steps granted to a run before it must improve; for half of them, the cause must be there."""

    rnn_vanishing: float = 1e-3
    """dL/dh of the first over the last time step: 1e-4 is vanishing, 1e-2 is not."""

    rnn_exploding: float = 55.0
    """dL/dh of the first over the last time step: 100 is exploding, 30 is not."""

    rnn_profiles: int = 5
    """Profiles along time, more than half of which must exist; their median is judged."""

    underflow_share: float = 0.2
    """Gradient entries that are 0 in half precision: 0.3 is a loss of gradient, 0.02 is not."""

    underflow_size: float = 1e-6
    """RMS of the other entries, at the scale of the backward pass.

    About 16 times the smallest number of fp16 (2**-24, 6e-8): entries below half of that number are
    rounded to 0 (arXiv 1710.03740).
    """

    lost_share: float = 0.7
    """Entries with a gradient that a step leaves bit-identical, in a half-precision format.

    Half of them are lost where updates are as large as the spacing of the numbers.
    """

    diverging: float = 5.0
    """Rise of the loss over its level at the start, for good."""

    bottomless: float = 30.0
    """Fall of a loss below 0, over its start or 1, that no likelihood reaches: it has no bottom.

    A density of pictures may fall by four times its start.
    """

    input_scale: float = 20.0
    """RMS of the inputs above which they are out of scale; below one over its square likewise.

    1 is usual; a pixel or a percentage that was not scaled is 100 and more.
    """

    target_scale: float = 100.0
    """Distance of a regression's outputs from their targets, at the start, that is out of scale.

    1 is usual, 20 is an amount that a few steps of the last bias reach; prices are 10,000 and more.
    """

    update_high: float = 0.05
    """Change of a layer's weights per step over their scale.

    1e-3 is the usual rule, and TheDeepChecker calls 0.1 too fast. Above this bound for a whole
    window, weights are replaced rather than improved.
    """

    update_falling: float = 0.9
    """Loss of the newest window over the one before, below which a high learning rate works."""

    update_low: float = 1e-4
    """Change of a layer's weights per step over their scale: below, it hardly learns.

    The bound of TheDeepChecker.
    """

    unstable_jumps: int = 3
    """Updates that raised the loss by half: 4 are unstable, 1 is not."""

    unstable_rise: float = 0.25
    """Share of the initial loss by which they must raise the loss as well.

    A tenth is enough to define it on a batch that stays the same; from one batch of 32 to the next,
    a healthy loss moves by as much.
    """

    unstable_update: float = 0.035
    """Change of the direction of the weights, over their scale, that such an update must have made.

    The noise of small batches moves the loss as well, but then the weights hardly changed, or only
    in norm.
    """

    dropout_high: float = 0.9
    """Share that dropout drops, above which what is left says little: 0.5 is usual, 0.8 is high."""

    unstable_window: int = 100
    """Frames in which jumps are counted."""

    skipped_in_a_row: int = 8
    """Steps in a row that a gradient scaler skipped.

    A scale of 65,536 needs to be halved a few times at the start of a healthy fp16 run; eight
    times are a factor of 256.
    """

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
        """The same bounds for the newest frame alone.

        What they detect is not a finding yet, but a reason to measure more closely.
        """
        return replace(
            self,
            window=1,
            lasting_steps=1,
            recovery_steps=0,
            no_gradient_steps=1,
            no_gradient_after=1,
            no_gradient_certain=1,
            no_gradient_frames=1,
            no_gradient_chance=1.0,
            rnn_profiles=1,
            unstable_jumps=1,
            unstable_window=2,
            certain_frames=1,
            optimizer_steps=1,
        )


DEFAULT = Thresholds()
