// Made by scripts/gen_messages.py; change gradwidget/view/protocol/messages.py instead.

/** One array in the binary buffer that comes with a message; blocks follow each other. */
export interface Block {
  /** `steps` [n]: the steps of the scalars; `scalar` [n]: one value of the whole step; `sampled` [m]: the steps at which layers were measured; `value` [m, layers]: one metric at those; `low` and `high` [m, layers]: its extremes where a column stands for several steps. */
  part: "steps" | "scalar" | "sampled" | "value" | "low" | "high";
  /** Name of the metric or scalar; empty for `steps` and `sampled`. */
  name: string;
  dtype: "float32" | "float64";
  shape: number[];
}

/** One row of the picture. */
export interface LayerInfo {
  name: string;
  /** Class name of the module. */
  kind: string;
  /** Kind and size, such as `Linear 64×64`. */
  summary: string;
  /** Number of scalars over all own parameters. */
  parameters: number;
  /** Each own parameter with its shape, such as `weight 64×64`. */
  shapes: string[];
  /** Its activation function, where one was seen. */
  activation: string | null;
}

/** Where a rule draws the line for a metric. */
export interface BoundInfo {
  /** In the metric's unit, or times the value of the last layer that has one. */
  value: number;
  of: "itself" | "last layer";
  /** The layer state whose color it carries. */
  state: string;
  /** What lies beyond it, in words. */
  means: string;
}

/** One statistic that the picture can show. */
export interface MetricInfo {
  name: string;
  title: string;
  scale: "log" | "share" | "count" | "flag";
  bounds: BoundInfo[];
}

/** A fix for a finding. */
export interface RemedyInfo {
  title: string;
  why: string;
  code: string;
  /** What applying it changes, in a few words; null where only an edit of the program helps. */
  change: string | null;
}

/** One number behind a finding. */
export interface EvidenceInfo {
  name: string;
  /** Null where it is not finite. */
  value: number | null;
}

/** A symptom seen in this run. */
export interface FindingInfo {
  symptom: string;
  title: string;
  severity: "warning" | "critical";
  /** The layer state whose color and mark the finding carries; `general` where it is of the whole run. */
  state: string;
  message: string;
  layers: string[];
  first_step: number;
  reported_step: number;
  last_step: number;
  active: boolean;
  caveat: string;
  origin: string | null;
  evidence: EvidenceInfo[];
  remedies: RemedyInfo[];
  /** Names of the metrics that it is about, the one that shows it best first. */
  metrics: string[];
  /** Symptom of the finding that explains it; null for a cause. */
  because: string | null;
  /** Symptoms of the findings that it explains, in the order in which they began. */
  consequences: string[];
}

/** Why something of a layer is not measured. */
export interface ReasonInfo {
  layer: string;
  /** One plain sentence. */
  text: string;
}

/** A failure inside gradwidget that was contained. */
export interface ProblemInfo {
  where: string;
  message: string;
  traceback: string;
  step: number;
}

/** One of the processes that a training is spread over. */
export interface RankInfo {
  rank: number;
  loss: string;
  /** That it works in a step before it waits for others; empty where that is not known. */
  time: string;
  /** What is to be said of it besides; empty where that is nothing. */
  remarks: string;
}

/** The processes that a training is spread over. */
export interface ProcessesInfo {
  /** How many there are, and what is to be said first; empty where there is only one. */
  summary: string;
  /** What a reader of the figures has to know, in sentences. */
  notes: string[];
  ranks: RankInfo[];
  /** How many more there are than those, in words; empty for none. */
  rest: string;
}

/** The headline. */
export interface Status {
  verdict: string;
  /** The layer state whose color and mark the verdict carries. */
  state: string;
  /** Newest step; null before the first. */
  step: number | null;
  /** Where the loss is going; null while that cannot be said. */
  trend: "falling" | "flat" | "rising" | null;
  /** Share of the step time that gradwidget costs; null before it is known. */
  overhead: number | null;
  /** Steps per sampled step; null before it is known. */
  sampling: number | null;
  /** True when nothing is watched any more. */
  closed: boolean;
}

/** Python to page: everything so far. Whatever the page had before is replaced. */
export interface Snapshot {
  kind: "snapshot";
  /** Class name of the model. */
  model: string;
  /** Statistics that this run has measured, in menu order. */
  metrics: MetricInfo[];
  layers: LayerInfo[];
  status: Status;
  /** State of each layer. */
  states: string[];
  /** Of the layers of which something was not measured in the newest step that was sampled. */
  reasons: ReasonInfo[];
  findings: FindingInfo[];
  problems: ProblemInfo[];
  processes: ProcessesInfo;
  blocks: Block[];
}

/** Python to page: what came since the last message. */
export interface Delta {
  kind: "delta";
  status: Status;
  /** Null when no state has changed. */
  states: string[] | null;
  /** Null when no reason has changed. */
  reasons: ReasonInfo[] | null;
  /** Null when no finding has changed. */
  findings: FindingInfo[] | null;
  /** Null when there is no new one. */
  problems: ProblemInfo[] | null;
  /** Null when nothing of them has changed. */
  processes: ProcessesInfo | null;
  blocks: Block[];
}

/** A change that was made to the loop. */
export interface ChangeInfo {
  number: number;
  /** The last step before it. */
  step: number;
  /** What was changed: the `change` of the remedy that did it. */
  text: string;
  /** The last step before it was taken back; null while it is in force. */
  undone_step: number | null;
}

/** What happens when a finding of a severity opens. */
export interface ResponseInfo {
  severity: "warning" | "critical";
  response: "pause" | "breakpoint" | "raise" | "function" | null;
}

/** Python to page: whether the loop is paused, and what has been changed in it. */
export interface ControlState {
  kind: "control";
  mode: "running" | "stepping" | "paused" | "closed";
  /** Steps to go until it is paused; 0 unless stepping. */
  left: number;
  /** While paused: the last step that was done. */
  step: number | null;
  /** The finding that it is paused for; empty where a person asked. */
  reason: string;
  changes: ChangeInfo[];
  responses: ResponseInfo[];
}

/** Python to page: what became of a request. */
export interface Answer {
  kind: "answer";
  /** The `request` of the message that is answered. */
  request: string;
  ok: boolean;
  /** What was done, or why it could not be. */
  text: string;
}

/** The distribution of the entries of tensors over bins. */
export interface HistogramInfo {
  /** The step that they belong to; null before the first. */
  step: number | null;
  /** How the bins lie: of one width, or as parts of a power of ten on both sides of 0. */
  axis: "linear" | "log";
  /** Where the bins end, rising; one more than there are bins. */
  edges: number[];
  /** Finite entries in each bin, of those that were counted. */
  counts: number[];
  /** Entries that were sorted into bins; fewer than `total` where those are many. */
  counted: number;
  /** All entries; the numbers below are of all of them. */
  total: number;
  zeros: number;
  nans: number;
  infinities: number;
  /** The least finite entry; null where none is finite. */
  low: number | null;
  high: number | null;
  /** What a reader has to know besides, in a few words. */
  note: string;
}

/** One entry of a parameter's gradient. */
export interface EntryInfo {
  parameter: string;
  index: number[];
  value: number | "NaN" | "Infinity" | "-Infinity";
}

/** How the gradient of a recurrent layer runs along the time axis. */
export interface ProfileInfo {
  /** Which part of the layer, and of what the norm is. */
  title: string;
  /** One each time step, the first step first; null where it is not finite. */
  norms: (number | null)[];
}

/** Python to page: a close look at one layer; a sentence takes the place of what is missing. */
export interface LayerInspection {
  kind: "inspection";
  layer: string;
  gradient: HistogramInfo | string;
  /** As the step left it. */
  weight: HistogramInfo | string;
  activation: HistogramInfo | string;
  /** The greatest entries of the gradient: those that are not finite, then by size. */
  worst: EntryInfo[];
  /** How often the layer ran in the step of the activation; null where that was not seen. */
  calls: number | null;
  profiles: ProfileInfo[];
  /** The step of the profiles; null where there are none. */
  profile_step: number | null;
}

/** Messages that carry what was measured. */
export type Shown = Snapshot | Delta;

/** Every message from Python to the page. */
export type ToPage = Snapshot | Delta | ControlState | Answer | LayerInspection;

/** Page to Python: a page has opened and asks for a snapshot. */
export interface Hello {
  kind: "hello";
}

/** Page to Python: pause the loop at the end of the step that is running. */
export interface PauseRun {
  kind: "pause";
  /** Chosen by the page; the answer carries it, here and below. */
  request: string;
}

/** Page to Python: resume it. */
export interface ResumeRun {
  kind: "resume";
  request: string;
}

/** Page to Python: run some steps, then pause. */
export interface StepRun {
  kind: "step";
  request: string;
  count: number;
}

/** Page to Python: apply a remedy of a finding. What it does is looked up there, never sent. */
export interface ApplyRemedy {
  kind: "apply";
  request: string;
  symptom: string;
  reported_step: number;
  change: string;
}

/** Page to Python: take a change back. */
export interface UndoChange {
  kind: "undo";
  request: string;
  number: number;
}

/** Page to Python: whether to pause the loop when a finding of a severity opens. */
export interface PauseOn {
  kind: "pause_on";
  request: string;
  severity: "warning" | "critical";
  pause: boolean;
}

/** Page to Python: inspect a layer for some seconds; what is seen comes in other messages. */
export interface InspectLayer {
  kind: "inspect";
  request: string;
  layer: string;
}

/** Messages that are answered. */
export type Request = PauseRun | ResumeRun | StepRun | ApplyRemedy | UndoChange | PauseOn | InspectLayer;

/** Every message from the page to Python. */
export type FromPage = Hello | PauseRun | ResumeRun | StepRun | ApplyRemedy | UndoChange | PauseOn | InspectLayer;
