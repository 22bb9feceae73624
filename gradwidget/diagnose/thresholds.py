"""Every bound that a rule uses, with the reason for it, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of all rules. Pass an own one to ``Engine`` to change some.

    Where a symptom is defined by two figures, one that has it and one that has it not, the bound lies near their
    geometric middle: a live rule sees noisy batches and should err as rarely to the one side as to the other.

    Example:
        >>> Thresholds(vanishing_ratio=1e-4).vanishing_ratio
        0.0001
    """

    window: int = 9
    """Frames whose median is judged: five of nine must agree, so that one odd batch decides nothing and a report
    comes five steps after the onset."""

    quiet: int = 20
    """Frames without the symptom after which a finding is over; two windows, so that it does not flicker."""

    vanishing_ratio: float = 3e-3
    """dL/d(output) of the first over the last layer. 1e-3 is vanishing (AutoTrainer's first/last ratio, 10.1109/
    icse43902.2021.00043), 1e-2 is not."""

    vanishing_weight_ratio: float = 1e-4
    """The same on weight gradients, for runs without activation gradients: stricter, since a layer's size and its
    input's scale enter a weight gradient too."""

    vanishing_over_start: float = 3e-3
    """A layer's gradient over its start while the loss is still high; 1e-3 is vanishing, 1e-2 is not."""

    vanishing_loss_share: float = 0.5
    """Above this share of its start the loss counts as still high: small gradients then do not mean that the model
    has converged."""

    recovery_frames: int = 30
    """A decay that would, by its present trend, be gone within so many frames is given that time: a head or a
    residual branch that starts at zero passes through such a profile on its way."""

    minimum_chain: int = 3
    """Layers with a measured profile below which nothing is said about depth."""

    exploding_ratio: float = 170.0
    """dL/d(output) of the first over the last layer; 1,000 is exploding, 30 is not."""

    exploding_weight_ratio: float = 3e3
    """The same on weight gradients, for runs without activation gradients."""

    exploding_spike: float = 35.0
    """Total gradient over the highest of its own past; 100 is exploding, 12 is not. The highest, not the median: a
    converged model has small gradients between rare large ones. SPAM (arXiv 2501.06842) calls 50 a spike."""

    spike_past: int = 200
    """Frames of the past that a spike is compared with."""

    spike_rise: int = 4
    """Frames within which a spike must have risen. A plateau that is left behind also raises the gradient by orders
    of magnitude, but over many steps."""

    spike_minimum_past: int = 2
    """Frames of the past without which no spike is called."""

    skipped_in_a_row: int = 8
    """Steps in a row that a gradient scaler skipped. A scale of 65,536 needs a few halvings at the start of a healthy
    fp16 run; eight are a factor of 256."""


DEFAULT = Thresholds()
