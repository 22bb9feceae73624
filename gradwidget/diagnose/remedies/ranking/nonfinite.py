"""The fixes for a NaN or an infinity, ranked by where it arose."""

from __future__ import annotations

from collections.abc import Iterator

from gradwidget.diagnose.evidence.onset import Onset
from gradwidget.diagnose.evidence.weight_size import oversized
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy
from gradwidget.diagnose.remedies.bfloat16 import bfloat16
from gradwidget.diagnose.remedies.clip import clip
from gradwidget.diagnose.remedies.draw_direction import draw_direction
from gradwidget.diagnose.remedies.fp32_weights import fp32_weights
from gradwidget.diagnose.remedies.guard_before_choice import guard_before_choice
from gradwidget.diagnose.remedies.guard_operation import SUSPECTS, guard_operation
from gradwidget.diagnose.remedies.larger_eps import larger_eps
from gradwidget.diagnose.remedies.ranking.learning_rates import slower
from gradwidget.diagnose.remedies.reinitialize import reinitialize
from gradwidget.diagnose.remedies.replace_nonfinite_inputs import replace_nonfinite_inputs
from gradwidget.diagnose.remedies.scale_inputs import scale_inputs
from gradwidget.diagnose.remedies.shared.layer_names import among
from gradwidget.diagnose.remedies.skip_nonfinite import skip_nonfinite
from gradwidget.diagnose.remedies.zero_infinity import zero_infinity

OF_MASKS = frozenset({"softmax", "mean", "nll_loss"})
"""Operations that make a NaN of what a mask leaves of a batch, whatever the steps before."""


def for_nonfinite(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """By where it arose: what made it is to be changed, not the rate of a run that was calm."""
    origin, where, at = detection.origin, "the loss", window.frame.origin
    layer = at.layer if at is not None else None
    if origin == "input":
        yield replace_nonfinite_inputs()
        yield skip_nonfinite()
        return
    if origin == "update":
        yield larger_eps()
        yield fp32_weights()
        return
    is_start = Onset(detection, window).is_start
    if origin in ("forward", "unknown"):
        drawn = [one for one in among(window, window.first_weight_norm == 0) if one.name == layer]
        yield draw_direction(drawn) if is_start else None
        yield reinitialize(
            among(window, oversized(window, at_start=True)),
            "They were drawn many times larger than what keeps the scale of their inputs.",
        )
    if window.wiring.precision == "float16" and origin in ("forward", "unknown", "loss"):
        yield bfloat16(
            "fp16 ends at 65,504; bfloat16 has the range of fp32, and needs no gradient scaler."
        )
        yield scale_inputs(window, if_large=True)
    known = at.operation if at is not None and at.phase == origin else ""
    if origin == "backward" and layer is not None:
        where = f"what follows {layer}"
    elif origin == "forward" and layer is not None:
        where = f"forward() before {layer}" if known else f"{layer} or what leads to it"
    yield zero_infinity(window) if origin == "loss" else None
    last = [one.name for one in among(window, window.paths.last)]
    is_in_loss = origin == "loss" or (origin == "backward" and layer in last)
    has = window.wiring.loss_path if is_in_loss else ()
    is_clear = bool(known) or not SUSPECTS.isdisjoint(has)
    guarded = (
        guard_operation(where, has, known) if origin in ("loss", "forward", "backward") else None
    )
    yield guard_before_choice(where, has) if origin == "backward" else None
    # Where no step has been finite, one that is skipped is followed by another such one.
    if is_start or is_clear:
        yield guarded
        yield None if is_start and known else skip_nonfinite()
    else:
        yield from (skip_nonfinite(), guarded)
    if origin in ("weights", "unknown", "forward") and known not in OF_MASKS:
        yield slower(
            window,
            "Values that overflow are usually the result of steps that were too large.",
        )
        yield clip(window, detection.first_step)


def for_nonfinite_weights(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """The same, and then fresh weights in the place of those that are lost."""
    yield from for_nonfinite(detection, window)
    lost = [layer for layer in window.layers if layer.name in detection.layers]
    yield reinitialize(
        lost, "The old weights are lost. Better: load a checkpoint from before this step."
    )
