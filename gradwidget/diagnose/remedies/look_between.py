"""Look at what ``forward`` does between two layers: only a person can see what is meant there."""

from __future__ import annotations

import math

from gradwidget.diagnose.evidence.stops.one_place import OnePlace
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import quote
from gradwidget.diagnose.remedies.shared.printed_once import printed_once
from gradwidget.frame import ROOT, Layer
from gradwidget.wording import shown

PLAIN = ("Linear", "Conv", "Bilinear", "Embedding", "RNN", "LSTM", "GRU")
"""How the kinds of layers begin that do nothing but use their weights."""
GROUPS = (8, 4, 2, 1)
"""Numbers of groups for a group norm, the best first."""


def look_between(place: OnePlace, window: Window) -> Remedy:
    """Names the place and what to look for there; its code prints what goes in and comes out.

    Gradients are known at the outputs of layers, so the later of the two belongs to the place: a
    norm takes away what all values have in common over which it runs.
    """
    if "Norm" in place.far.kind and place.falls:
        return _look_at_norm(place, window)
    near, far = place.near.name, place.far.name
    where = f"forward() of {place.module}" if place.module else "forward() of the model"
    if not place.falls:
        what = f"grows {shown(place.factor)}×"
        usual = "a division by something small, as a temperature, or a factor"
    elif math.isinf(place.factor):
        what = "becomes exactly 0"
        usual = "a softmax or sigmoid of large numbers, a clamp, a rounding, a mask, a factor of 0"
    else:
        what = f"falls {shown(place.factor)}×"
        usual = (
            "a softmax or sigmoid of large numbers, as with a low temperature, a clamp, a mask of "
            "huge numbers, or a small factor"
        )
    # What other modules do beside that is not known.
    itself = "" if place.far.kind.startswith(PLAIN) else f", and at what {far} itself does"
    return Remedy(
        title=f"Look at what happens between {near} and {far}",
        why=f"On its way back from {far} to {near} the gradient {what}, and elsewhere it hardly "
        f"changes: other weights or layers would not help. Look in {where} at what is done to the "
        f"output of {near} until {far} gets it{itself}: {usual}. The code changes nothing; in the "
        "next step it prints the range of both.",
        code=_code(place.near, place.far),
    )


def _look_at_norm(place: OnePlace, window: Window) -> Remedy:
    near, far, kind = place.near.name, place.far.name, place.far.kind
    what = "becomes exactly 0" if math.isinf(place.factor) else f"falls {shown(place.factor)}×"
    why = (
        f"On its way back through {far}, a {kind}, the gradient {what}, and elsewhere it hardly "
        "changes: other weights or layers would not help. "
    )
    if "BatchNorm" in kind and window.frame.scalars.get("input_samples") == 1:
        channels = max((shape[0] for shape in place.far.shapes.values() if shape), default=0)
        groups = next(one for one in GROUPS if channels % one == 0)
        return Remedy(
            title=f"Use larger batches, or a group norm in the place of {far}",
            why=f"{why}Look at the batch: it has a single sample, and a batch norm takes away what "
            "all values of a channel in the batch have in common: their mean, as after a pooling "
            "over positions, is then the same for every input. Use batches of 8 and more, or "
            f"torch.nn.GroupNorm({groups}, {channels}), which needs no batch, here and for the "
            "other batch norms.",
            code="",
        )
    over = "the batch and all positions" if "BatchNorm" in kind else "the values of a sample"
    return Remedy(
        title=f"Look at {far}, at what it is given and what follows it",
        why=f"{why}A norm takes away what all values have in common over which it runs, here "
        f"{over}: little is left where these are few, or where what follows takes their mean. And "
        "it divides by their spread, so look at the size of what it is given as well, and in "
        f"forward() at what is done to the output of {near} before it. The code changes nothing; "
        "in the next step it prints the range of both.",
        code=_code(place.near, place.far),
    )


def _code(near: Layer, far: Layer) -> str:
    calls = [
        f"{call}({quote(layer.name)})\n"
        for call, layer in (("print_output", near), ("print_input", far))
        if layer.is_module and layer.name != ROOT
    ]
    if not calls:
        return ""
    return printed_once(
        "".join(calls), "low, high = part.min(), part.max()", "{low:.3g} … {high:.3g}"
    )
