"""The fixes for outputs that have become alike, ranked by what has made them so."""

from __future__ import annotations

from collections.abc import Iterator

from gradwidget.diagnose.evidence.onset import Onset
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy, has_same_units
from gradwidget.diagnose.remedies.fewer_layers import fewer_layers
from gradwidget.diagnose.remedies.learning_rate import learning_rate
from gradwidget.diagnose.remedies.load_weights import load_weights
from gradwidget.diagnose.remedies.look_at_spread import look_at_spread
from gradwidget.diagnose.remedies.lower_price import lower_price
from gradwidget.diagnose.remedies.milder_negatives import milder_negatives
from gradwidget.diagnose.remedies.normalize_embeddings import normalize_embeddings
from gradwidget.diagnose.remedies.reinitialize import reinitialize
from gradwidget.diagnose.remedies.separate_outputs import separate_outputs
from gradwidget.diagnose.remedies.shared.join_remedies import join_remedies
from gradwidget.diagnose.remedies.skip_connection import skip_connection
from gradwidget.frame import Wiring

HINGES = frozenset({"relu", "clamp", "clamp_min", "threshold", "maximum"})
"""Operations that leave out what is far enough apart."""

DIFFERENCES = frozenset({"add", "sub", "rsub"})
"""What a hinge is given: one distance less another one, or less a margin."""

DISTANCES = frozenset(
    {"sum", "sqrt", "pow", "norm", "linalg_vector_norm", "cdist", "euclidean_dist", "mm", "bmm"}
)
"""Operations by which embeddings are compared."""


def for_outputs_alike(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """The part of the loss that drives outputs together comes first where there is one."""
    if "emptied" in detection.evidence:
        yield lower_price()
        return
    if "pulled" in detection.evidence:
        yield separate_outputs()
        return
    if has_same_units(detection):
        yield reinitialize(
            [layer for layer in window.layers if layer.name in detection.layers],
            "Random weights make each unit another one; copies stay copies forever.",
        )
        return
    slower = learning_rate(
        window, 0.1, "Steps that are too large move the outputs of all inputs together."
    )
    fresh = reinitialize(
        window.layers, "What made all inputs alike does not come apart again by itself."
    )
    if detection.evidence.get("drawn", 0.0) > 0:
        is_hinge = has_margin(window.wiring)
        yield milder_negatives() if is_hinge else separate_outputs()
        yield slower
        if is_hinge and "div" not in window.wiring.loss_path:
            yield normalize_embeddings()
        yield fresh
        return
    frozen = [layer.name for layer in window.layers if not layer.trainable]
    if 2 * len(frozen) > len(window.layers):
        yield load_weights(frozen)
    # Where most layers have a way around them already, one more changes nothing.
    inner = window.traits.matrices & ~window.paths.last & window.paths.fed
    has_skips = inner.any() and 2 * (window.paths.bypassed & inner).sum() >= inner.sum()
    look = look_at_spread(window.layers) if has_skips else skip_connection()
    if Onset(detection, window).is_start:
        yield look
    else:
        # The layers as they are had told the inputs apart.
        yield join_remedies(fresh, slower) if slower is not None else fresh
        yield from (slower, look)
    yield fewer_layers(window.layers, "Each layer makes what comes out a little more alike.")


def has_margin(wiring: Wiring) -> bool:
    """Whether the loss is a hinge on differences of distances, as of triplets or pairs.

    Example:
        >>> has_margin(Wiring(loss_path=("mean", "relu", "add", "sub", "norm")))
        True
        >>> has_margin(Wiring(loss_path=("mean", "div", "clamp_min", "linalg_vector_norm")))
        False
    """
    path = wiring.loss_path
    hinge = next((place for place, one in enumerate(path) if one in HINGES), len(path))
    below = set(path[hinge + 1 :])
    return bool(below & DIFFERENCES and below & DISTANCES)
