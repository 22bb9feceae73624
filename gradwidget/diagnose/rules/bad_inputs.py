"""Inputs that no layer can work with: NaN, all the same, or far from a scale of 1.

The scale alone is no finding: it is one only together with a symptom that it can bring about, where
nothing is learned, or where it is extreme and goes on to the outputs. Where the targets of a
regression are out of scale as well, it says so. Not reported: a norm layer that comes first, token
numbers, a large scale with which training goes well.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.evidence.onset import first_level
from gradwidget.diagnose.evidence.regression_error import far_targets
from gradwidget.diagnose.evidence.window import A_FEW, BEGINNING, Window, median, middle
from gradwidget.diagnose.finding import Detection, Finding, Origin, Severity, Symptom
from gradwidget.diagnose.rules.shared.harm import is_harmed
from gradwidget.record.history import RECENT
from gradwidget.wording import shown

FAR = 5.0
"""Times the usual bound from which a scale can be what a loss started so high with."""

CHANGED = 10.0
"""Times the usual bound that data has to reach to have been changed, and not merely to vary."""

HUGE = 1e15
"""Size of inputs of which products, and the squares of these, are past the range of float32."""
FLAT = 50.0
"""Mean over standard deviation past which inputs are as good as one number."""
OF_ITS_SIZE = 5.0
"""Factor within which inputs are of the size of what another network makes, real data among it."""
FALLEN = 100.0
"""Factor by which a loss falls where it only comes back from such a start."""


def bad_inputs(window: Window, active: Finding | None) -> Detection | None:
    """Looks at the data that enters the first layers."""
    return (
        _nonfinite(window)
        or _constant(window)
        or _alike(window)
        or _scale(window, active)
        or _flat(window, active)
    )


def _nonfinite(window: Window) -> Detection | None:
    count = window.frame.scalars.get("input_nonfinite", 0.0)
    origin = window.frame.origin
    if not count > 0 and not (origin is not None and origin.phase == "input"):
        return None
    entries = f"{count:,.0f} entries" if count > 0 else "Entries"
    return _detection(
        window,
        "critical",
        f"{entries} of the batch at step {window.step:,} are NaN or Inf: everything that is "
        "computed from it is lost.",
        window.step,
        value=count,
        bound=0.0,
        origin="input",
    )


def _constant(window: Window) -> Detection | None:
    deviation = window.newest("input_std")
    if window.history.version < window.limits.window or deviation != 0:
        return None
    return _detection(
        window,
        "critical",
        "All entries of every batch are the same number: there is nothing to tell one input from "
        "another.",
        window.history.first_step or 0,
        value=0.0,
        bound=0.0,
    )


def _alike(window: Window) -> Detection | None:
    """Batches of one sample that is repeated, with which nothing is learned.

    Of tokens nothing but how common each answer is; the loss then falls all the same.
    """
    size = window.newest("input_rms")
    # What differs is lost beside numbers that are too large.
    if window.age < window.limits.plateau_steps // 2 or size > HUGE:
        return None
    frames = window.limits.window
    variety = window.history.recent_scalar("input_variety", frames)
    variety = variety[np.isfinite(variety)]
    if len(variety) < window.enough or (variety > window.limits.samples_alike).any():
        return None
    tells_classes = "input_rms" not in window.frame.scalars and window.wiring.is_of_classes
    if window.has_learned and not tells_classes:
        return None
    return _detection(
        window,
        "critical",
        "All samples of every batch are the same: there is nothing to tell one input from another.",
        window.history.first_step or 0,
        value=0.0,
        bound=0.0,
    )


def _scale(window: Window, active: Finding | None) -> Detection | None:
    limits = window.limits
    size = window.newest("input_rms")
    is_large, is_small = size > limits.input_scale, 0 < size < limits.input_scale**-2
    if not (is_large or is_small) or _normalized_first(window) or _is_made(window, size):
        return None
    if active is None and not (is_harmed(window, Symptom.BAD_INPUTS) or _passed_on(window, size)):
        return None
    began = first_level(window, "input_rms")
    if is_large and began < limits.input_scale < size / CHANGED:
        return _changed(window, began, size)
    mean = window.newest("input_mean")
    deviation = window.newest("input_std")
    found = _detection(
        window,
        "warning",
        f"The inputs have a mean of {shown(mean)} and a standard deviation of {shown(deviation)}; "
        "networks are made for about 0 and 1. "
        + ("Activations and gradients" if is_large else "The first layer's gradients")
        + (" grow with them." if is_large else " shrink with them."),
        window.history.first_step or 0,
        value=size,
        bound=limits.input_scale if is_large else limits.input_scale**-2,
    )
    if size > HUGE:
        found = replace(found, evidence={**found.evidence, "huge": 1.0})
    return _with_targets(window, found)


def _with_targets(window: Window, found: Detection) -> Detection:
    """The same, with the targets where these are out of scale too: either alone does not help."""
    far = far_targets(window)
    if far is None:
        return found
    return replace(
        found,
        message=f"{found.message} The targets are out of scale as well, with "
        f"{far.in_words}: scale both.",
        evidence={**found.evidence, "targets": far.size},
    )


def _flat(window: Window, active: Finding | None) -> Detection | None:
    """Of a usual size, and all of them near one number, as by statistics of other data."""
    mean = abs(window.newest("input_mean"))
    deviation = window.newest("input_std")
    if not 0 < deviation < mean / FLAT or _normalized_first(window):
        return None
    if active is None and not is_harmed(window, Symptom.BAD_INPUTS):
        return None
    return _detection(
        window,
        "warning",
        f"The inputs have a standard deviation of {shown(deviation)} around a mean that is "
        f"{shown(mean / deviation)}× as large: the differences between them are lost beside what "
        "they share.",
        window.history.first_step or 0,
        value=deviation / mean,
        bound=1 / FLAT,
    )


def _changed(window: Window, began: float, size: float) -> Detection:
    """Data that was sound at the start and is out of scale now."""
    sizes = window.history.recent_scalar("input_rms", RECENT)
    large = np.flatnonzero(sizes > window.limits.input_scale)
    found = _detection(
        window,
        "warning",
        f"The inputs had a size of {shown(began)} at the start and have one of {shown(size)} now: "
        "the data itself is changed while the model trains.",
        int(window.history.recent_steps(RECENT)[large[0]]),
        value=size,
        bound=window.limits.input_scale,
    )
    return replace(found, evidence={**found.evidence, "began": began})


def _passed_on(window: Window, size: float) -> bool:
    """Whether inputs of an extreme scale have made outputs or the first loss that large as well.

    The loss then starts at an accidental height, from which it falls for long, whatever is learned.
    """
    limits = window.limits
    if window.age >= limits.lasting_steps and size > FAR * limits.input_scale:
        first = middle(window.first_losses[:1])
        if first > FALLEN and first > FALLEN * abs(window.loss):
            return True
    rows = window.history.start("act_rms")[window.same_turn()][:, window.paths.last]
    outputs = median(rows[:BEGINNING].astype(np.float64), least=A_FEW)
    outputs = outputs[~np.isnan(outputs)]
    is_extreme = size > limits.input_scale**2 and window.age >= limits.lasting_steps
    return bool(is_extreme and outputs.size and outputs.max() > limits.input_scale)


def _is_made(window: Window, size: float) -> bool:
    """Whether the inputs may be what another network of the model has made.

    A judge is given what a generator makes without its graph: nothing tells that from data.
    """
    if not window.has_opponent:
        return False
    outside = ~window.in_play
    made = [
        number
        for number in np.flatnonzero(outside)
        if not any(outside[behind] for behind in window.paths.next[number])
    ]
    # Of a network that is thrown about from step to step, what it made in one of them counts.
    sizes = window.history.recent("act_rms", 2 * window.limits.window)[:, made]
    return bool((sizes * OF_ITS_SIZE > size).any())


def _detection(
    window: Window,
    severity: Severity,
    message: str,
    since: int,
    *,
    value: float,
    bound: float,
    origin: Origin | None = None,
) -> Detection:
    return Detection(
        severity=severity,
        message=message,
        layers=(),
        first_step=since,
        evidence={"value": value, "bound": bound, "window": float(window.limits.window)},
        caveat="Fine if the first layer is made for such inputs.",
        origin=origin,
    )


def _normalized_first(window: Window) -> bool:
    """Whether what the inputs enter is a norm layer."""
    kinds = [window.layers[i].kind for i in np.flatnonzero(~window.paths.fed)]
    return bool(kinds) and all("Norm" in kind for kind in kinds)
