"""Which layers without a gradient are sent to a mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Symptom
from gradwidget.diagnose.remedies.ranking.by_symptom import remedies_for
from gradwidget.frame import LOSS, Wiring
from tests.support.frames import chain, healthy, judge

DEPTH = 4


def zero_at(*layers: int, kinds: dict[int, str]) -> list[str]:
    """What is offered where some of four layers get no gradient at all."""
    made = [replace(one, kind=kinds.get(i, one.kind)) for i, one in enumerate(chain(DEPTH))]
    feeds = {f"fc{i}": (f"fc{i + 1}",) for i in range(DEPTH - 1)} | {f"fc{DEPTH - 1}": (LOSS,)}
    share = np.isin(np.arange(DEPTH), layers).astype(float)
    figures = healthy(DEPTH, wiring=Wiring(feeds=feeds), grad_zero_fraction=share)
    window = Window(judge(30, made, figures)[1])
    names = tuple(f"fc{i}" for i in layers)
    detection = Detection("warning", "", names, 0, {"value": 1.0, "bound": 1.0}, "")
    return [one.title for one in remedies_for(Symptom.ZERO_GRADIENT, detection, window)]


MASK = "Look at the mask: it may leave out all that counts"


def test_tokens_and_what_is_before_an_attention_may_be_left_out_by_a_mask() -> None:
    tokens = zero_at(0, kinds={0: "Embedding", 1: "MultiheadAttention"})
    assert tokens[0] == MASK
    assert not any("Reinitialize" in title for title in tokens)
    before = zero_at(0, 1, kinds={2: "MultiheadAttention"})
    assert before[0] == MASK


def test_without_attention_or_tokens_no_mask_is_looked_for() -> None:
    assert MASK not in zero_at(0, kinds={})
    assert MASK not in zero_at(3, kinds={2: "MultiheadAttention"})
    everything = zero_at(0, 1, 2, 3, kinds={0: "Embedding", 1: "MultiheadAttention"})
    assert MASK not in everything
