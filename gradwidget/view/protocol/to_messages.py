"""The nouns of gradwidget as plain message data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from gradwidget.action import parse_action
from gradwidget.diagnose.summary.layer_state import JUDGED, STATE_OF
from gradwidget.diagnose.summary.metric_bounds import bounds_of
from gradwidget.diagnose.summary.state_look import GENERAL
from gradwidget.report.processes import listed, own_time, remarks
from gradwidget.view.protocol.messages import (
    BoundInfo,
    ChangeInfo,
    EntryInfo,
    EvidenceInfo,
    FindingInfo,
    HistogramInfo,
    LayerInfo,
    LayerInspection,
    MetricInfo,
    ProblemInfo,
    ProcessesInfo,
    ProfileInfo,
    RankInfo,
    ReasonInfo,
    RemedyInfo,
)
from gradwidget.wording import shown

if TYPE_CHECKING:
    from gradwidget.control.control import Change
    from gradwidget.diagnose.finding import Finding, Remedy
    from gradwidget.diagnose.thresholds import Thresholds
    from gradwidget.frame import Entry, Frame, Histogram, Inspection, Layer, RecurrentProfile
    from gradwidget.metrics import Metric
    from gradwidget.problem import Problem
    from gradwidget.report.processes import Processes


def finite(value: float | None) -> float | None:
    """The number, or None where JSON has none for it."""
    return float(value) if value is not None and math.isfinite(value) else None


def finding_state(finding: Finding) -> str:
    """The layer state whose color and mark a finding carries; ``GENERAL`` where none fits."""
    return STATE_OF.get(finding.symptom, GENERAL)


def layer_info(layer: Layer) -> LayerInfo:
    """A layer for the page."""
    shapes = [
        f"{name} {'×'.join(map(str, shape)) or 'scalar'}" for name, shape in layer.shapes.items()
    ]
    return LayerInfo(
        name=layer.name,
        kind=layer.kind,
        summary=layer.summary,
        parameters=layer.parameter_count,
        shapes=shapes,
        activation=layer.activation,
    )


def metric_info(metric: Metric, limits: Thresholds) -> MetricInfo:
    """A metric for the page, with the bounds that the rules judge it by."""
    bounds = [
        BoundInfo(value=bound.value, of=bound.of, state=bound.state, means=bound.means)
        for bound in bounds_of(metric.name, limits)
    ]
    return MetricInfo(name=metric.name, title=metric.title, scale=metric.scale, bounds=bounds)


def finding_info(finding: Finding) -> FindingInfo:
    """A finding for the page."""
    return FindingInfo(
        symptom=finding.symptom.value,
        title=finding.title,
        severity=finding.severity,
        state=finding_state(finding),
        message=finding.message,
        layers=list(finding.layers),
        first_step=finding.first_step,
        reported_step=finding.reported_step,
        last_step=finding.last_step,
        active=finding.active,
        caveat=finding.caveat,
        origin=finding.origin,
        evidence=[
            EvidenceInfo(name=name, value=finite(value)) for name, value in finding.evidence.items()
        ],
        remedies=[remedy_info(remedy) for remedy in finding.remedies],
        metrics=list(JUDGED.get(finding.symptom, ())),
        because=None if finding.because is None else finding.because.value,
        consequences=[symptom.value for symptom in finding.consequences],
    )


def remedy_info(remedy: Remedy) -> RemedyInfo:
    """A remedy for the page."""
    return RemedyInfo(
        title=remedy.title, why=remedy.why, code=remedy.code, change=change_of(remedy)
    )


def change_of(remedy: Remedy) -> str | None:
    """What applying a remedy changes, in a few words; None where it cannot be applied."""
    return None if remedy.action is None else parse_action(remedy.action).text


def change_info(change: Change) -> ChangeInfo:
    """A change that was made to the loop, for the page."""
    return ChangeInfo(
        number=change.number, step=change.step, text=change.text, undone_step=change.undone_step
    )


def problem_info(problem: Problem) -> ProblemInfo:
    """A contained failure for the page."""
    return ProblemInfo(
        where=problem.where,
        message=problem.message,
        traceback=problem.traceback,
        step=problem.step,
    )


def processes_info(processes: Processes) -> ProcessesInfo:
    """The processes of a training for the page."""
    chosen, rest = listed(processes.ranks)
    return ProcessesInfo(
        summary=processes.summary,
        notes=list(processes.standing.notes),
        ranks=[
            RankInfo(rank=one.rank, loss=shown(one.loss), time=own_time(one), remarks=remarks(one))
            for one in chosen
        ],
        rest=rest,
    )


def reason_infos(frames: Sequence[Frame]) -> list[ReasonInfo]:
    """Why something of a layer is not measured, by the newest frame that can tell.

    Args:
        frames: recent ones, oldest first. One of a step whose outputs were not measured says
            nothing of them, neither a value nor why there is none.
    """
    for frame in reversed(frames):
        if frame.reasons or "act_rms" in frame.metrics:
            return [ReasonInfo(layer=layer, text=text) for layer, text in frame.reasons.items()]
    return []


def inspection_info(inspection: Inspection, frames: Sequence[Frame]) -> LayerInspection:
    """An inspection, for the page.

    Args:
        inspection: what was seen.
        frames: recent ones, oldest first; the newest with the layer's gradient over time gives
            that.
    """
    profiles: list[RecurrentProfile] = []
    step = None
    for frame in reversed(frames):
        profiles = [profile for profile in frame.recurrent if profile.layer == inspection.layer]
        if profiles:
            step = frame.step
            break
    return LayerInspection(
        kind="inspection",
        layer=inspection.layer,
        gradient=_histogram_info(inspection.gradient),
        weight=_histogram_info(inspection.weight),
        activation=_histogram_info(inspection.activation),
        worst=[_entry_info(entry) for entry in inspection.worst],
        calls=inspection.calls,
        profiles=[_profile_info(profile, profiles) for profile in profiles],
        profile_step=step,
    )


def _histogram_info(histogram: Histogram | str) -> HistogramInfo | str:
    if isinstance(histogram, str):
        return histogram
    return HistogramInfo(
        step=histogram.step,
        axis=histogram.axis,
        edges=histogram.edges.tolist(),
        counts=histogram.counts.tolist(),
        counted=histogram.counted,
        total=histogram.total,
        zeros=histogram.zeros,
        nans=histogram.nans,
        infinities=histogram.infinities,
        low=finite(histogram.low),
        high=finite(histogram.high),
        note=histogram.note,
    )


def _entry_info(entry: Entry) -> EntryInfo:
    value: float | Literal["NaN", "Infinity", "-Infinity"] = entry.value
    if math.isnan(entry.value):
        value = "NaN"
    elif math.isinf(entry.value):
        value = "Infinity" if entry.value > 0 else "-Infinity"
    return EntryInfo(parameter=entry.parameter, index=list(entry.index), value=value)


def _profile_info(profile: RecurrentProfile, among: list[RecurrentProfile]) -> ProfileInfo:
    depth = f", layer {profile.depth}" if any(one.depth for one in among) else ""
    direction = ""
    if any(one.reverse for one in among):
        direction = ", from the end" if profile.reverse else ", from the start"
    return ProfileInfo(
        title=f"{profile.quantity}{depth}{direction}",
        norms=[finite(norm) for norm in profile.norms.tolist()],
    )
