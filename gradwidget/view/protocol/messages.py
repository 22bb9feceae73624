"""The protocol between Python and the page: every message, in both directions, in one place.

The TypeScript types are made from this file (``scripts/gen_messages.py``); a test fails when they
differ. Arrays do not travel in the message but in its one binary buffer, described by ``Block``
(see ``codec.py``). Numbers that JSON cannot carry (NaN, infinities) travel as null.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class Block(TypedDict):
    """One array in the binary buffer that comes with a message; blocks follow each other."""

    part: Literal["steps", "scalar", "sampled", "value", "low", "high"]
    """``steps`` [n]: the steps of the scalars; ``scalar`` [n]: one value of the whole step;
    ``sampled`` [m]: the steps at which layers were measured; ``value`` [m, layers]: one metric at
    those; ``low`` and ``high`` [m, layers]: its extremes where a column stands for several
    steps."""

    name: str
    """Name of the metric or scalar; empty for ``steps`` and ``sampled``."""

    dtype: Literal["float32", "float64"]
    shape: list[int]


class LayerInfo(TypedDict):
    """One row of the picture."""

    name: str
    kind: str
    """Class name of the module."""

    summary: str
    """Kind and size, such as ``Linear 64×64``."""

    parameters: int
    """Number of scalars over all own parameters."""

    shapes: list[str]
    """Each own parameter with its shape, such as ``weight 64×64``."""

    activation: str | None
    """Its activation function, where one was seen."""


class BoundInfo(TypedDict):
    """Where a rule draws the line for a metric."""

    value: float
    """In the metric's unit, or times the value of the last layer that has one."""

    of: Literal["itself", "last layer"]
    state: str
    """The layer state whose color it carries."""

    means: str
    """What lies beyond it, in words."""


class MetricInfo(TypedDict):
    """One statistic that the picture can show."""

    name: str
    title: str
    scale: Literal["log", "share", "count", "flag"]
    bounds: list[BoundInfo]


class RemedyInfo(TypedDict):
    """A fix for a finding."""

    title: str
    why: str
    code: str
    change: str | None
    """What applying it changes, in a few words; null where only an edit of the program helps."""


class EvidenceInfo(TypedDict):
    """One number behind a finding."""

    name: str
    value: float | None
    """Null where it is not finite."""


class FindingInfo(TypedDict):
    """A symptom seen in this run."""

    symptom: str
    title: str
    severity: Literal["warning", "critical"]
    state: str
    """The layer state whose color and mark the finding carries; ``general`` where it is of the
    whole run."""

    message: str
    layers: list[str]
    first_step: int
    reported_step: int
    last_step: int
    active: bool
    caveat: str
    origin: str | None
    evidence: list[EvidenceInfo]
    remedies: list[RemedyInfo]
    metrics: list[str]
    """Names of the metrics that it is about, the one that shows it best first."""

    because: str | None
    """Symptom of the finding that explains it; null for a cause."""

    consequences: list[str]
    """Symptoms of the findings that it explains, in the order in which they began."""


class ReasonInfo(TypedDict):
    """Why something of a layer is not measured."""

    layer: str
    text: str
    """One plain sentence."""


class ProblemInfo(TypedDict):
    """A failure inside gradwidget that was contained."""

    where: str
    message: str
    traceback: str
    step: int


class RankInfo(TypedDict):
    """One of the processes that a training is spread over."""

    rank: int
    loss: str
    time: str
    """That it works in a step before it waits for others; empty where that is not known."""

    remarks: str
    """What is to be said of it besides; empty where that is nothing."""


class ProcessesInfo(TypedDict):
    """The processes that a training is spread over."""

    summary: str
    """How many there are, and what is to be said first; empty where there is only one."""

    notes: list[str]
    """What a reader of the figures has to know, in sentences."""

    ranks: list[RankInfo]
    rest: str
    """How many more there are than those, in words; empty for none."""


class Status(TypedDict):
    """The headline."""

    verdict: str
    state: str
    """The layer state whose color and mark the verdict carries."""

    step: int | None
    """Newest step; null before the first."""

    trend: Literal["falling", "flat", "rising"] | None
    """Where the loss is going; null while that cannot be said."""

    overhead: float | None
    """Share of the step time that gradwidget costs; null before it is known."""

    sampling: float | None
    """Steps per sampled step; null before it is known."""

    closed: bool
    """True when nothing is watched any more."""


class Snapshot(TypedDict):
    """Python to page: everything so far. Whatever the page had before is replaced."""

    kind: Literal["snapshot"]
    model: str
    """Class name of the model."""

    metrics: list[MetricInfo]
    """Statistics that this run has measured, in menu order."""

    layers: list[LayerInfo]
    status: Status
    states: list[str]
    """State of each layer."""

    reasons: list[ReasonInfo]
    """Of the layers of which something was not measured in the newest step that was
    sampled."""

    findings: list[FindingInfo]
    problems: list[ProblemInfo]
    processes: ProcessesInfo
    blocks: list[Block]


class Delta(TypedDict):
    """Python to page: what came since the last message."""

    kind: Literal["delta"]
    status: Status
    states: list[str] | None
    """Null when no state has changed."""

    reasons: list[ReasonInfo] | None
    """Null when no reason has changed."""

    findings: list[FindingInfo] | None
    """Null when no finding has changed."""

    problems: list[ProblemInfo] | None
    """Null when there is no new one."""

    processes: ProcessesInfo | None
    """Null when nothing of them has changed."""

    blocks: list[Block]


class ChangeInfo(TypedDict):
    """A change that was made to the loop."""

    number: int
    step: int
    """The last step before it."""

    text: str
    """What was changed: the ``change`` of the remedy that did it."""

    undone_step: int | None
    """The last step before it was taken back; null while it is in force."""


class ResponseInfo(TypedDict):
    """What happens when a finding of a severity opens."""

    severity: Literal["warning", "critical"]
    response: Literal["pause", "breakpoint", "raise", "function"] | None


class ControlState(TypedDict):
    """Python to page: whether the loop is paused, and what has been changed in it."""

    kind: Literal["control"]
    mode: Literal["running", "stepping", "paused", "closed"]
    left: int
    """Steps to go until it is paused; 0 unless stepping."""

    step: int | None
    """While paused: the last step that was done."""

    reason: str
    """The finding that it is paused for; empty where a person asked."""

    changes: list[ChangeInfo]
    responses: list[ResponseInfo]


class Answer(TypedDict):
    """Python to page: what became of a request."""

    kind: Literal["answer"]
    request: str
    """The ``request`` of the message that is answered."""

    ok: bool
    text: str
    """What was done, or why it could not be."""


class HistogramInfo(TypedDict):
    """The distribution of the entries of tensors over bins."""

    step: int | None
    """The step that they belong to; null before the first."""

    axis: Literal["linear", "log"]
    """How the bins lie: of one width, or as parts of a power of ten on both sides of 0."""

    edges: list[float]
    """Where the bins end, rising; one more than there are bins."""

    counts: list[int]
    """Finite entries in each bin, of those that were counted."""

    counted: int
    """Entries that were sorted into bins; fewer than ``total`` where those are many."""

    total: int
    """All entries; the numbers below are of all of them."""

    zeros: int
    nans: int
    infinities: int
    low: float | None
    """The least finite entry; null where none is finite."""

    high: float | None
    note: str
    """What a reader has to know besides, in a few words."""


class EntryInfo(TypedDict):
    """One entry of a parameter's gradient."""

    parameter: str
    index: list[int]
    value: float | Literal["NaN", "Infinity", "-Infinity"]


class ProfileInfo(TypedDict):
    """How the gradient of a recurrent layer runs along the time axis."""

    title: str
    """Which part of the layer, and of what the norm is."""

    norms: list[float | None]
    """One each time step, the first step first; null where it is not finite."""


class LayerInspection(TypedDict):
    """Python to page: a close look at one layer; a sentence takes the place of what is missing."""

    kind: Literal["inspection"]
    layer: str
    gradient: HistogramInfo | str
    weight: HistogramInfo | str
    """As the step left it."""

    activation: HistogramInfo | str
    worst: list[EntryInfo]
    """The greatest entries of the gradient: those that are not finite, then by size."""

    calls: int | None
    """How often the layer ran in the step of the activation; null where that was not seen."""

    profiles: list[ProfileInfo]
    profile_step: int | None
    """The step of the profiles; null where there are none."""


Shown = Snapshot | Delta
"""Messages that carry what was measured."""

ToPage = Snapshot | Delta | ControlState | Answer | LayerInspection
"""Every message from Python to the page."""


class Hello(TypedDict):
    """Page to Python: a page has opened and asks for a snapshot."""

    kind: Literal["hello"]


class PauseRun(TypedDict):
    """Page to Python: pause the loop at the end of the step that is running."""

    kind: Literal["pause"]
    request: str
    """Chosen by the page; the answer carries it, here and below."""


class ResumeRun(TypedDict):
    """Page to Python: resume it."""

    kind: Literal["resume"]
    request: str


class StepRun(TypedDict):
    """Page to Python: run some steps, then pause."""

    kind: Literal["step"]
    request: str
    count: int


class ApplyRemedy(TypedDict):
    """Page to Python: apply a remedy of a finding. What it does is looked up there, never sent."""

    kind: Literal["apply"]
    request: str
    symptom: str
    reported_step: int
    change: str


class UndoChange(TypedDict):
    """Page to Python: take a change back."""

    kind: Literal["undo"]
    request: str
    number: int


class PauseOn(TypedDict):
    """Page to Python: whether to pause the loop when a finding of a severity opens."""

    kind: Literal["pause_on"]
    request: str
    severity: Literal["warning", "critical"]
    pause: bool


class InspectLayer(TypedDict):
    """Page to Python: inspect a layer for some seconds; what is seen comes in other messages."""

    kind: Literal["inspect"]
    request: str
    layer: str


Request = PauseRun | ResumeRun | StepRun | ApplyRemedy | UndoChange | PauseOn | InspectLayer
"""Messages that are answered."""

FromPage = (
    Hello | PauseRun | ResumeRun | StepRun | ApplyRemedy | UndoChange | PauseOn | InspectLayer
)
"""Every message from the page to Python."""
