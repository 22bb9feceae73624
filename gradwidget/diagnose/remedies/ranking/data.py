"""The fixes for what goes into the model and what is to come out of it, ranked."""

from __future__ import annotations

from collections.abc import Iterator

from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Remedy
from gradwidget.diagnose.remedies.check_data import check_data
from gradwidget.diagnose.remedies.check_targets import check_targets
from gradwidget.diagnose.remedies.keep_data import keep_data
from gradwidget.diagnose.remedies.replace_nonfinite_inputs import replace_nonfinite_inputs
from gradwidget.diagnose.remedies.scale_features import scale_features
from gradwidget.diagnose.remedies.scale_inputs import scale_inputs
from gradwidget.diagnose.remedies.scale_inputs_and_targets import scale_inputs_and_targets
from gradwidget.diagnose.remedies.scale_targets import scale_targets
from gradwidget.diagnose.remedies.scale_targets_too import scale_targets_too
from gradwidget.diagnose.remedies.shuffle_data import shuffle_data
from gradwidget.diagnose.remedies.skip_nonfinite import skip_nonfinite
from gradwidget.diagnose.remedies.two_labels import two_labels

ALIKE = 2.0
"""Factor between the sizes of inputs and targets within which they may be the same."""
UNEVEN = 10.0
"""Size of the largest feature over that of the middle one, from which one scale for all leaves
most of them without effect."""


def for_inputs(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """What is not finite is replaced, what is out of scale is scaled."""
    if detection.origin == "input":
        yield replace_nonfinite_inputs()
        yield skip_nonfinite()
        return
    if "began" in detection.evidence:
        yield keep_data()
        return
    # Data that is all the same has no scale.
    scaled = scale_inputs(window) if detection.evidence["value"] > 0 else None
    if scaled is None:
        yield check_data()
        return
    both, features = scale_inputs_and_targets(scaled, window), scale_features(window)
    ratio = middle(window.history.start_scalar("input_feature_ratio")[: window.limits.window])
    targets = detection.evidence.get("targets")
    if targets is not None:
        is_alike = 1 / ALIKE < targets / detection.evidence["value"] < ALIKE
        both = both if is_alike else None
        features, scaled = (scale_targets_too(one, window) for one in (features, scaled))
    yield from (features, both, scaled) if ratio > UNEVEN else (both, scaled, features)


def for_targets(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """Sorted ones are shuffled, one for all looked at, others scaled by what was measured."""
    if "classes" in detection.evidence:
        yield shuffle_data()
        return
    if "label" in detection.evidence:
        yield two_labels(detection.evidence["label"])
        return
    if "constant" in detection.evidence:
        yield check_targets(detection.evidence["constant"])
        return
    yield scale_targets(detection.evidence["value"], window)
