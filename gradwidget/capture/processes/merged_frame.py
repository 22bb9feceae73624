"""What a process tells of a frame, and the frame that all of them make together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from gradwidget.capture.processes.merged_outputs import OutputParts, with_outputs
from gradwidget.capture.processes.rank_message import RankMessage
from gradwidget.capture.stats.readback import Values
from gradwidget.frame import FloatArray, Frame, NonfiniteOrigin, RankPart

PHASES = ("input", "weights", "forward", "loss", "backward", "update", "unknown")
"""Of a NaN, in the order in which they lead to each other."""
ALIKE = 1e-5
"""Part by which sums over equal weights differ at most: threads may add up in another order."""


def message_of(
    frame: Frame, seconds: float | None, parts: Values, outputs: OutputParts
) -> RankMessage:
    """What a process tells of its frame.

    Args:
        frame: with the statistics of this process alone.
        seconds: until it first had to wait for the others in that step.
        parts: of sharded parameters, as ``FrameBuilder.parts`` gives them.
        outputs: of its part of the batch.
    """
    nonfinite = frame.metrics.get("act_nonfinite")
    rows = [] if nonfinite is None else np.flatnonzero(nonfinite > 0).tolist()
    return RankMessage(
        step=frame.step,
        loss=frame.scalars.get("loss"),
        seconds=math.nan if seconds is None else seconds,
        phase="" if frame.origin is None else frame.origin.phase,
        layer=None if frame.origin is None else frame.origin.layer,
        nonfinite={frame.layers[row].name: float(nonfinite[row]) for row in rows}
        if nonfinite is not None
        else {},
        weights=_sums(frame),
        parts=parts,
        outputs=outputs,
    )


def merged_frame(frame: Frame, rank: int, messages: Mapping[int, RankMessage]) -> Frame:
    """The frame with what the other processes have told.

    The loss is the mean of theirs, as gradients are, and outputs are those for the whole batch;
    processes with other weights are none of this training. What was first not finite anywhere was
    so here.

    Args:
        frame: of this process.
        rank: its number.
        messages: what each process has told of the step, by rank, this one included.
    """
    own = messages[rank]
    parts = tuple(
        RankPart(
            number,
            math.nan if one.loss is None else one.loss,
            one.seconds,
            one.phase,
            apart=not _are_alike(one.weights, own.weights),
        )
        for number, one in sorted(messages.items())
    )
    with_us = [messages[part.rank] for part in parts if not part.apart]
    losses = [one.loss for one in with_us if one.loss is not None]
    scalars = dict(frame.scalars)
    if losses:
        scalars["loss"] = float(np.mean(losses))
    first = min(
        (one for one in with_us if one.phase), key=lambda one: PHASES.index(one.phase), default=None
    )
    others = [one for one in with_us if one is not own]
    frame = with_outputs(frame, _of_outputs(own, others, messages.values()))
    return replace(
        frame,
        metrics=_with_nonfinite(frame, [one.nonfinite for one in others]),
        scalars=scalars,
        # Only of its own a process knows more than these two.
        origin=frame.origin
        if first is None or (first.phase, first.layer) == (own.phase, own.layer)
        else NonfiniteOrigin(first.phase, first.layer),
        ranks=parts,
    )


def _of_outputs(
    own: RankMessage, others: list[RankMessage], every: Iterable[RankMessage]
) -> list[OutputParts]:
    """The outputs of processes that are to be put together, those of this one first.

    Whole weights may differ between processes that divide a layer, where each has its columns: what
    they have of it is still a part of it.
    """
    found = [own.outputs, *(one.outputs for one in others)]
    shares = set().union(*map(_shares, found))
    known = {id(one) for one in found}
    return found + [
        one.outputs
        for one in every
        if id(one.outputs) not in known and not shares.isdisjoint(_shares(one.outputs))
    ]


def _shares(outputs: OutputParts) -> set[tuple[int, int]]:
    return {one.share for one in outputs.places.values() if one is not None}


def _with_nonfinite(frame: Frame, counts: list[dict[str, float]]) -> dict[str, FloatArray]:
    """The metrics, with what was not finite in outputs of other processes."""
    metrics = dict(frame.metrics)
    if any(counts) and "act_nonfinite" in metrics:
        rows = {layer.name: row for row, layer in enumerate(frame.layers)}
        total = metrics["act_nonfinite"].copy()
        for one in counts:
            for name, count in one.items():
                if name in rows:
                    total[rows[name]] += count
        metrics["act_nonfinite"] = total
    return metrics


def _sums(frame: Frame) -> tuple[float, float]:
    """Two sums over the norms of the layers' weights, which tell whether two copies are alike."""
    norms = frame.metrics.get("weight_norm")
    if norms is None or not frame.is_measured("weight_norm").any():
        return math.nan, math.nan
    known = norms[frame.is_measured("weight_norm")].astype(np.float64)
    # The second tells apart what has the same total.
    return float(known.sum()), float((known * np.sin(1 + np.arange(len(known)))).sum())


def _are_alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    # NaN stands for weights that were not read, or that are NaN.
    if not (all(map(math.isfinite, one)) and all(map(math.isfinite, other))):
        return True
    size = max(abs(one[0]), abs(other[0]))
    return all(abs(a - b) <= ALIKE * size for a, b in zip(one, other, strict=True))
