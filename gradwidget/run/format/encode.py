"""The nouns of a run as plain data for JSON; ``decode`` reads them back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import numpy as np

from gradwidget.run.format.arrays import packed, packed_flags
from gradwidget.run.format.limits import MOST_RANKS

if TYPE_CHECKING:
    from gradwidget.control.control import Change
    from gradwidget.diagnose.finding import Finding
    from gradwidget.frame import Frame, Layer, Wiring
    from gradwidget.problem import Problem
    from gradwidget.report.processes import Processes

Data = dict[str, object]


def layers_data(layers: Sequence[Layer], number: int) -> Data:
    """The layers, under a number that frames refer to."""
    listed = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "shapes": {name: list(shape) for name, shape in layer.shapes.items()},
            "trainable": layer.trainable,
            "activation": layer.activation,
        }
        for layer in layers
    ]
    return {"id": number, "layers": listed}


def wiring_data(wiring: Wiring, number: int) -> Data:
    """The wiring, under a number that frames refer to."""
    return {"id": number} | {one.name: getattr(wiring, one.name) for one in fields(wiring)}


def is_plain(frame: Frame) -> bool:
    """Whether a frame has nothing but scalars, so that it can stand in columns with others."""
    return not (frame.metrics or frame.measured or frame.origin or frame.recurrent)


def frame_data(frame: Frame, layers: int, wiring: int | None) -> Data:
    """A frame, with the numbers of its layers and its wiring."""
    scalars = frame.scalars
    return {
        "step": frame.step,
        "layers": layers,
        "wiring": wiring,
        "metrics": {name: packed(values, "<f4") for name, values in frame.metrics.items()},
        "measured": {name: packed_flags(mask) for name, mask in frame.measured.items()},
        "scalars": {
            "names": list(scalars),
            "values": packed(np.array([*scalars.values()], np.float64), "<f8"),
        },
        "skipped": frame.skipped,
        "reasons": dict(frame.reasons),
        "origin": None if frame.origin is None else asdict(frame.origin),
        "recurrent": [
            {
                "layer": one.layer,
                "quantity": one.quantity,
                "norms": packed(one.norms, "<f4"),
                "depth": one.depth,
                "reverse": one.reverse,
            }
            for one in frame.recurrent
        ],
    }


def plain_data(frames: Sequence[Frame], layers: int, wiring: int | None) -> Data:
    """Frames that have scalars alone, in columns; reasons, layers and wiring are those of all."""
    names = dict.fromkeys(name for frame in frames for name in frame.scalars)
    columns: list[Data] = []
    for name in names:
        measured = np.array([name in frame.scalars for frame in frames])
        values = np.array([frame.scalars.get(name, math.nan) for frame in frames], np.float64)
        columns.append(
            {"name": name, "values": packed(values, "<f8"), "measured": packed_flags(measured)}
        )
    return {
        "steps": packed(np.array([frame.step for frame in frames], np.int64), "<i8"),
        "layers": layers,
        "wiring": wiring,
        "skipped": packed_flags(np.array([frame.skipped for frame in frames], np.bool_)),
        "reasons": dict(frames[0].reasons),
        "scalars": columns,
    }


def losses_data(losses: Sequence[tuple[int, float]]) -> Data:
    """Steps and their losses, in the order of the steps."""
    steps, values = zip(*losses, strict=True)
    # Differences are mostly 1, which takes no room once it is compressed.
    differences = np.diff(np.array(steps, np.int64), prepend=0)
    return {
        "steps": packed(differences, "<i8"),
        "values": packed(np.array(values, np.float64), "<f8"),
    }


def finding_data(finding: Finding) -> Data:
    """A finding; also what ``gradwidget report --json`` prints of it."""
    return {
        "symptom": finding.symptom.value,
        "severity": finding.severity,
        "message": finding.message,
        "layers": list(finding.layers),
        "first_step": finding.first_step,
        "reported_step": finding.reported_step,
        "last_step": finding.last_step,
        "active": finding.active,
        "caveat": finding.caveat,
        "evidence": {name: number(value) for name, value in finding.evidence.items()},
        "origin": finding.origin,
        "remedies": [
            {
                "title": remedy.title,
                "why": remedy.why,
                "code": remedy.code,
                "action": None if remedy.action is None else dict(remedy.action),
            }
            for remedy in finding.remedies
        ],
        "because": None if finding.because is None else finding.because.value,
        "consequences": [symptom.value for symptom in finding.consequences],
    }


def findings_data(findings: Sequence[Finding], step: int) -> Data:
    """All findings as they were after a step."""
    return {"step": step, "findings": [finding_data(finding) for finding in findings]}


def changes_data(changes: Sequence[Change]) -> Data:
    """Every change made to the loop so far."""
    return {"changes": [asdict(change) for change in changes]}


def problems_data(problems: Sequence[Problem]) -> Data:
    """Every problem so far."""
    return {"problems": [asdict(problem) for problem in problems]}


def processes_data(processes: Processes) -> Data:
    """What each process of the training has told last."""
    standing = processes.standing
    ranks = [
        asdict(one) | {"loss": number(one.loss), "seconds": number(one.seconds)}
        for one in processes.ranks[:MOST_RANKS]
    ]
    return {"judge": standing.judge, "notes": list(standing.notes), "ranks": ranks}


def number(value: float) -> float | str:
    """A number for JSON, which has none for NaN and infinities.

    Example:
        >>> number(0.5), number(float("-inf"))
        (0.5, '-Infinity')
    """
    value = float(value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
