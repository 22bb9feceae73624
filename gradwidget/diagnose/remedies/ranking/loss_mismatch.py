"""The fixes for outputs that do not fit their loss."""

from __future__ import annotations

from collections.abc import Iterator

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy, is_over_samples
from gradwidget.diagnose.remedies.attend_to_positions import attend_to_positions
from gradwidget.diagnose.remedies.give_one_shape import give_one_shape
from gradwidget.diagnose.remedies.give_probabilities import give_probabilities
from gradwidget.diagnose.remedies.hide_next_tokens import hide_next_tokens
from gradwidget.diagnose.remedies.reach_targets import reach_targets
from gradwidget.diagnose.remedies.remove_relu import remove_relu
from gradwidget.diagnose.remedies.remove_softmax import remove_softmax
from gradwidget.diagnose.remedies.take_logarithm import take_logarithm
from gradwidget.diagnose.remedies.turn_batch_first import turn_batch_first


def for_loss_mismatch(detection: Detection, window: Window) -> Iterator[Remedy]:
    """The one that fits what the graph and the targets show."""
    if "low" in detection.evidence:
        yield give_probabilities(detection.evidence["low"], detection.evidence["high"])
        return
    if "samples" in detection.evidence:
        yield attend_to_positions()
        return
    if "ahead" in detection.evidence:
        yield hide_next_tokens(window)
        return
    if is_over_samples(detection):
        yield turn_batch_first(window.wiring)
        return
    if "cut" in detection.evidence:
        yield remove_relu(window.wiring)
        return
    wiring = window.wiring
    yield (
        take_logarithm(wiring)
        or give_one_shape(wiring)
        or reach_targets(window)
        or remove_softmax(wiring)
    )
