"""The fixes for what goes into the model and what is to come out of it, ranked."""

from __future__ import annotations

from collections.abc import Iterator

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy
from gradwidget.diagnose.remedies.check_data import check_data
from gradwidget.diagnose.remedies.replace_nonfinite_inputs import replace_nonfinite_inputs
from gradwidget.diagnose.remedies.scale_both import scale_both
from gradwidget.diagnose.remedies.scale_features import scale_features
from gradwidget.diagnose.remedies.scale_inputs import scale_inputs
from gradwidget.diagnose.remedies.scale_targets import scale_targets
from gradwidget.diagnose.remedies.skip_nonfinite import skip_nonfinite


def of_inputs(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """What is not finite is replaced, what is out of scale is scaled."""
    if detection.origin == "input":
        yield replace_nonfinite_inputs()
        yield skip_nonfinite()
        return
    # Data that is all the same has no scale.
    scaled = scale_inputs(window) if detection.evidence["value"] > 0 else None
    if scaled is None:
        yield check_data()
        return
    yield scaled
    yield scale_both(scaled, window)
    yield scale_features(window)


def of_targets(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """Targets are scaled by what was measured."""
    yield scale_targets(detection.evidence["value"], window)
