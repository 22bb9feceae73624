// Made by scripts/gen_messages.py from gradwidget/view/messages.py: change that, not this.

/** Where one array lies in the binary buffer that comes with a message; blocks follow each other. */
export interface Block {
  /** `steps` [n]: the steps of the scalars; `scalar` [n]: one figure of the whole step; `sampled` [m]: the steps at which layers were measured; `value` [m, layers]: one metric at those; `low` and `high` [m, layers]: its extremes where a column stands for several steps. */
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
  /** The nonlinearity that follows, where one was seen. */
  activation: string | null;
}

/** One statistic that the picture can show. */
export interface MetricInfo {
  name: string;
  title: string;
  scale: "log" | "share" | "count" | "flag";
}

/** A fix for a finding. */
export interface RemedyInfo {
  title: string;
  why: string;
  code: string;
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
  /** The layer state whose colour and mark the finding carries. */
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
}

/** A failure inside gradwidget that was contained. */
export interface ProblemInfo {
  where: string;
  message: string;
  traceback: string;
  step: number;
}

/** The headline. */
export interface Status {
  verdict: string;
  /** The layer state whose colour and mark the verdict carries. */
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
  findings: FindingInfo[];
  problems: ProblemInfo[];
  blocks: Block[];
}

/** Python to page: what came since the last message. */
export interface Delta {
  kind: "delta";
  status: Status;
  /** Null when no state has changed. */
  states: string[] | null;
  /** Null when no finding has changed. */
  findings: FindingInfo[] | null;
  /** Null when there is no new one. */
  problems: ProblemInfo[] | null;
  blocks: Block[];
}

/** Every message from Python to the page. */
export type ToPage = Snapshot | Delta;

/** Page to Python: a page has opened and asks for a snapshot. */
export interface Hello {
  kind: "hello";
}

/** Every message from the page to Python. */
export type FromPage = Hello;
