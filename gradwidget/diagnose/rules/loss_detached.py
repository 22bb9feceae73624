"""A backward pass from a loss that has no graph, or one without a layer: none gets a gradient.

Or a term of it has no graph, as derivatives have none unless they are asked for it.

Not reported: a part of the layers that is cut off, which a stage of training may want.
"""

from __future__ import annotations

from dataclasses import replace

from gradwidget.diagnose.evidence.disconnection import disconnection
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.flagged import flagged

CAVEAT = "None: such a pass cannot train anything of this model."


def loss_detached(window: Window, active: Finding | None) -> Detection | None:
    """A loss that is a leaf, a number made into a tensor again, or one of such numbers."""
    del active  # exact
    return _of_a_leaf(window) or _without_layers(window) or _of_derivatives(window)


def _of_a_leaf(window: Window) -> Detection | None:
    return flagged(
        window,
        "loss_is_leaf",
        "critical",
        "backward() is called on a tensor that no operation made: it has lost its "
        "connection to the model (as by .item(), .detach() or torch.tensor(loss)), and no "
        "parameter gets a gradient.",
        CAVEAT,
    )


def _of_derivatives(window: Window) -> Detection | None:
    """A term made of derivatives by data that were taken as mere numbers."""
    found = flagged(
        window,
        "lost_derivatives",
        "warning",
        "torch.autograd.grad takes a derivative of the outputs without create_graph=True, and a "
        "term of the loss has no graph: it counts in the loss, but the network cannot learn it.",
        "Fine if that term is a constant, and the derivative is used for something else.",
    )
    return found and replace(found, evidence={**found.evidence, "derivatives": 1.0})


def _without_layers(window: Window) -> Detection | None:
    """A loss that has a graph, in which there is no layer, although all of them run."""
    cut = window.active.get(Symptom.NO_GRADIENT)
    trainable = {layer.name for layer in window.layers if layer.trainable}
    if cut is None or not trainable <= set(cut.layers):
        return None
    if disconnection(window, cut.layers, cut.first_step) != "cut off":
        return None
    return Detection(
        severity="critical",
        message="The loss depends on no layer: all of them run, but what they give is cut off "
        "before it (as by argmax(), .detach() or torch.tensor(...), where requires_grad_() only "
        "silences the error), and no parameter gets a gradient.",
        layers=(),
        first_step=cut.first_step,
        evidence={"value": 1.0, "bound": 0.0, "window": cut.evidence["window"]},
        caveat=CAVEAT,
    )
