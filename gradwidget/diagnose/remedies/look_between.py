"""Look at what ``forward`` does between two layers: only a person can see what is meant there."""

from __future__ import annotations

import math

from gradwidget.diagnose.evidence.stops.one_place import OnePlace
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import quote
from gradwidget.diagnose.remedies.shared.printed_once import printed_once
from gradwidget.frame import ROOT, Layer
from gradwidget.wording import shown


def look_between(place: OnePlace) -> Remedy:
    """Names the place and what to look for there; its code prints what goes in and comes out."""
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
    return Remedy(
        title=f"Look at what happens between {near} and {far}",
        why=f"On its way back from {far} to {near} the gradient {what}, and elsewhere it hardly "
        f"changes: other weights or layers would not help. Look in {where} at what is done to the "
        f"output of {near} until {far} gets it: {usual}. The code changes nothing; in the next "
        "step it prints the range of both.",
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
