"""How layers without a gradient are disconnected from the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.frame import ROOT

Disconnection = Literal["never run", "no longer run", "never used", "cut off"]


TURNS = 20
"""Frames in which each of several networks has had its turn."""


def are_in_turns(window: Window) -> bool:
    """Whether optimizers take turns, so that not every frame has all layers."""
    lacking = window.history.recent("grad_is_none", TURNS)[:, window.trainable]
    several = len(window.wiring.optimizers) > 1
    return several and bool((np.isnan(lacking).any(axis=1) & ~np.isnan(lacking).all(axis=1)).any())


def are_cut_off_whole(window: Window, layers: Sequence[str]) -> bool:
    """Whether networks take turns, and these layers are all that one of them has.

    Then it is the loop that cuts them off: it hands on what the network gives.
    """
    if not are_in_turns(window):
        return False
    lacking = window.history.recent("grad_is_none", TURNS)
    among = np.array([layer.name in layers for layer in window.layers])
    own = lacking[(lacking[:, among] > 0).any(axis=1)]
    return bool(len(own)) and not (own[:, window.trainable] == 0).any()


def disconnection(window: Window, layers: Sequence[str], since: int) -> Disconnection | None:
    """What all of these layers have in common; None where they have nothing, or it is not known.

    ``"never run"`` are those that ``forward`` never calls, ``"no longer run"`` those that it has
    called before, ``"never used"`` those that run without using their own parameters, and
    ``"cut off"`` those whose output does not reach the loss.

    Args:
        window: the newest frames.
        layers: their names.
        since: the step since which they have no gradient.
    """
    among = np.array([layer.name in layers for layer in window.layers])
    runs = window.median("has_run")[among]
    if are_in_turns(window):
        # A network may run in the turns of another one alone, and its output be kept.
        runs = np.fmax.reduce(window.history.recent("has_run", TURNS)[:, among], axis=0)
    if (runs == 0).all():
        return "no longer run" if since > (window.history.first_step or 0) else "never run"
    if not (runs == 1).all():
        return None
    owners = {_owner(name) for name in window.wiring.unused}
    are_unused = [name in owners for name in layers]
    if all(are_unused):
        return "never used"
    return None if any(are_unused) else "cut off"


def unused_of(window: Window, layers: Sequence[str]) -> list[str]:
    """Names of the parameters of these layers that are never used."""
    return [name for name in window.wiring.unused if _owner(name) in layers]


def _owner(parameter: str) -> str:
    """The layer that a parameter belongs to."""
    return parameter.rpartition(".")[0] or ROOT
