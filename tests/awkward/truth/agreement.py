"""Runs a loop watched by gradwidget and by the reference, and says where the two disagree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gradwidget import Frame, GradMonitor
from tests.awkward.loop import STEPS, Case
from tests.awkward.truth.reference import Reference, Truth

RELATIVE = 1e-3
SCALARS = ("loss", "total_grad_norm", "raw_total_grad_norm")
WRAPPERS = re.compile(r"^(_orig_mod|module)\.")
SKIPPED_UPDATES = ("update_ratio", "matrix_change")


@dataclass(frozen=True)
class Disagreement:
    """A value that is wrong, or missing without need."""

    step: int
    layer: str
    metric: str
    true: float
    said: float | None
    """None where nothing was measured."""

    def __str__(self) -> str:
        said = "not measured" if self.said is None else f"{self.said:.6g}"
        return f"step {self.step} {self.layer} {self.metric}: {self.true:.6g}, but {said}"


def disagreements(case: Case, optimizer: str) -> list[Disagreement]:
    """Every value of every step in which a monitor without a budget differs from the truth."""
    frames, history = watched(case, optimizer)
    plain = case.plain(optimizer)
    with Reference(plain) as reference:
        plain.run(STEPS, reference)
    truths = reference.truths
    assert len(frames) == len(truths), f"{len(frames)} frames of {len(truths)} steps"
    found = [
        wrong
        for frame, truth in zip(frames, truths, strict=True)
        for wrong in compare(case, frame, truth)
    ]
    return [*found, *history]


def watched(case: Case, optimizer: str) -> tuple[list[Frame], list[Disagreement]]:
    """The frames of a watched run, and where the history does not hold what they say."""
    loop = case.loop(optimizer)
    frames: list[Frame] = []
    with GradMonitor(loop.model, loop.named, budget=None) as monitor:
        monitor._session.on_frame.append(
            lambda: frames.extend([frame] if (frame := monitor.history.last) else [])
        )
        loop.run(STEPS)
    assert not monitor.problems or true_elsewhere(case, "problems"), monitor.problems
    rows = {layer.name: row for row, layer in enumerate(monitor.history.layers)}
    lost = [
        Disagreement(frame.step, layer.name, metric, float(values[number]), float(kept))
        for column, frame in enumerate(frames)
        for metric, values in frame.metrics.items()
        for number, layer in enumerate(frame.layers)
        if layer.name in rows and frame.is_measured(metric)[number]
        if not agrees(
            float(kept := monitor.history[metric][column, rows[layer.name]]), float(values[number])
        )
    ]
    return frames, lost


def compare(case: Case, frame: Frame, truth: Truth) -> Iterator[Disagreement]:
    """Where a frame is wrong, and where it lacks what can be known."""
    names = [WRAPPERS.sub("", layer.name) for layer in frame.layers]
    assert frame.skipped == truth.skipped, f"step {frame.step}: skipped is {frame.skipped}"
    for name, truths in (truth.layers | truth.others).items():
        row = names.index(name)
        for metric, true in truths.items():
            if true_elsewhere(case, metric) or (truth.skipped and metric in SKIPPED_UPDATES):
                continue
            said = float(frame.metrics[metric][row]) if frame.is_measured(metric)[row] else None
            if said is None and (name in truth.others or is_explained(case, frame, name, metric)):
                continue
            if said is None or not agrees(said, true):
                yield Disagreement(frame.step, name, metric, true, said)
    yield from scalars(case, frame, truth.scalars)


def scalars(case: Case, frame: Frame, truths: Mapping[str, float]) -> Iterator[Disagreement]:
    """The same for the scalars of the whole step."""
    for name in SCALARS:
        if name in truths and not true_elsewhere(case, name):
            said = frame.scalars.get(name)
            if said is None or not agrees(said, truths[name]):
                yield Disagreement(frame.step, "", name, truths[name], said)


def true_elsewhere(case: Case, metric: str) -> bool:
    """Whether the case says that nobody can know this metric."""
    return any(metric.startswith(beginning) for beginning in case.unseen)


def is_explained(case: Case, frame: Frame, layer: str, metric: str) -> bool:
    """Whether the case says that this metric cannot be seen, and the frame why."""
    return layer in frame.reasons and any(metric.startswith(beginning) for beginning in case.hidden)


def agrees(said: float, true: float) -> bool:
    """To 1e-3 relative; of values that are not finite, that they are not."""
    if not np.isfinite(true):
        return not np.isfinite(said)
    return abs(said - true) <= RELATIVE * abs(true) + 1e-38
