"""The fixes for layers that training leaves out, ranked."""

from __future__ import annotations

from collections.abc import Iterator

from gradwidget.diagnose.evidence.disconnection import are_cut_off_whole, disconnection, unused_of
from gradwidget.diagnose.evidence.onset import Onset
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Remedy
from gradwidget.diagnose.remedies.add_to_optimizer import add_to_optimizer
from gradwidget.diagnose.remedies.call_step import call_step
from gradwidget.diagnose.remedies.find_cut import find_cut
from gradwidget.diagnose.remedies.freeze import freeze
from gradwidget.diagnose.remedies.keep_derivatives import keep_derivatives
from gradwidget.diagnose.remedies.keep_graph import keep_graph
from gradwidget.diagnose.remedies.replace_held_parameters import replace_held_parameters
from gradwidget.diagnose.remedies.reset_layers import reset_layers
from gradwidget.diagnose.remedies.run_layers_again import run_layers_again
from gradwidget.diagnose.remedies.shared.join_remedies import join_remedies
from gradwidget.diagnose.remedies.use_or_remove_parts import use_or_remove_parts


def for_no_gradient(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """Where the way to the loss ends, as far as that is known."""
    how = disconnection(window, detection.layers, detection.first_step)
    if how == "no longer run":
        yield run_layers_again(detection.first_step)
    elif how == "never run":
        yield use_or_remove_parts(detection.layers, are_layers=True)
    elif how == "never used":
        yield use_or_remove_parts(unused_of(window, detection.layers), are_layers=False)
    else:
        yield find_cut(detection.layers, in_turns=are_cut_off_whole(window, detection.layers))
    yield freeze(Onset(detection, window).named, window)


def for_no_optimizer(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """An optimizer for them; with several, one of those may hold the wrong ones."""
    named = Onset(detection, window).named
    added, fresh = add_to_optimizer(named), reset_layers(named)
    yield added
    if len(window.wiring.optimizers) > 1:
        yield replace_held_parameters(named)
    yield join_remedies(added, fresh) if fresh is not None else None
    yield freeze(named, window)


def for_no_step(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """The missing line."""
    del window
    # Passes are counted where no step follows them.
    yield call_step(before_clearing=detection.evidence["value"] == 0)


def for_lost_graph(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """Where the loss, or a term of it, has lost its graph."""
    del window
    yield keep_derivatives() if "derivatives" in detection.evidence else keep_graph()
