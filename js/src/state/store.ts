import { type Decoded, decode, type Numbers } from "../protocol/codec.ts";
import type {
  FindingInfo,
  LayerInfo,
  MetricInfo,
  ProblemInfo,
  ProcessesInfo,
  Shown,
  Snapshot,
  Status,
} from "../protocol/messages.gen.ts";
import { Emitter } from "../util/emitter.ts";
import { Columns, type ColumnValue } from "./columns.ts";

/** Columns of scalars, which are statistics of the whole step. */
const SCALAR_COLUMNS = 4096;
/** Columns of statistics per layer; fewer where layers and metrics are many. */
const MOST_COLUMNS = 1536;
const FEWEST_COLUMNS = 192;
/** Numbers kept for layers at most (96 MB). */
const MOST_NUMBERS = 24_000_000;

const BEFORE_ANYTHING: Status = {
  verdict: "Waiting for the kernel",
  state: "not measured",
  step: null,
  trend: null,
  overhead: null,
  sampling: null,
  closed: false,
};

export const NO_PROCESSES: ProcessesInfo = { summary: "", notes: [], ranks: [], rest: "" };

/** Everything that Python has told the page about one run; the views are drawn from it. */
export class Store extends Emitter {
  model: string;
  metrics: MetricInfo[] = [];
  layers: LayerInfo[] = [];
  status: Status = BEFORE_ANYTHING;
  states: string[] = [];
  /** Why something of a layer is not measured now, by the layer's name. */
  reasons: ReadonlyMap<string, string> = new Map();
  findings: FindingInfo[] = [];
  problems: ProblemInfo[] = [];
  /** Those that the training is spread over; of one alone there is nothing. */
  processes = NO_PROCESSES;
  /** Statistics of the whole step: loss, total_grad_norm, lr … */
  scalars = new Columns(1, SCALAR_COLUMNS);
  /** Statistics per layer at the steps that were sampled. */
  samples = new Columns(0, FEWEST_COLUMNS);
  /** Rises with each snapshot, which makes everything derived from layers or columns stale. */
  generation = 0;
  /** Rises with each message: what was drawn from the same version is still right. */
  version = 0;

  constructor(model: string) {
    super();
    this.model = model;
  }

  /** Adds one message. A delta before the first snapshot has nothing to add to and is ignored. */
  apply(message: Shown, data: DataView): void {
    if (message.kind === "snapshot") this.#restart(message);
    else if (this.generation === 0) return;
    this.version++;
    this.status = message.status;
    this.states = message.states ?? this.states;
    if (message.reasons !== null)
      this.reasons = new Map(message.reasons.map(({ layer, text }) => [layer, text]));
    this.findings = message.findings ?? this.findings;
    this.problems = message.problems ?? this.problems;
    this.processes = message.processes ?? this.processes;
    const arrays = decode(message.blocks, data);
    appendAll(this.scalars, arrays, "steps", ["scalar"]);
    appendAll(this.samples, arrays, "sampled", ["value", "low", "high"]);
    this.emit();
  }

  #restart(message: Snapshot): void {
    this.model = message.model;
    this.metrics = message.metrics;
    this.layers = message.layers;
    const width = message.layers.length;
    const fitting = Math.floor(MOST_NUMBERS / (3 * Math.max(1, width * message.metrics.length)));
    this.samples = new Columns(width, Math.min(MOST_COLUMNS, Math.max(FEWEST_COLUMNS, fitting)));
    this.scalars = new Columns(1, SCALAR_COLUMNS);
    this.generation++;
  }
}

function appendAll(
  columns: Columns,
  arrays: Decoded[],
  key: "steps" | "sampled",
  parts: string[],
): void {
  const steps = arrays.find(({ block }) => block.part === key)?.values;
  if (steps === undefined) return;
  const own = arrays.filter(({ block }) => parts.includes(block.part));
  const { width } = columns;
  steps.forEach((step: number, column: number) => {
    const values = new Map<string, ColumnValue>();
    for (const { block, values: numbers } of own) {
      const entry = values.get(block.name) ?? { value: [] };
      const part = block.part === "low" || block.part === "high" ? block.part : "value";
      entry[part] = row(numbers, column, width);
      values.set(block.name, entry);
    }
    columns.append({ step, values });
  });
}

function row(numbers: Numbers, column: number, width: number): Numbers {
  return numbers.subarray(column * width, (column + 1) * width);
}
