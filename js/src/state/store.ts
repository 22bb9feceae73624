import { type Decoded, decode, type Numbers } from "../protocol/codec.ts";
import type {
  FindingInfo,
  LayerInfo,
  MetricInfo,
  ProblemInfo,
  Shown,
  Snapshot,
  Status,
} from "../protocol/messages.gen.ts";
import { Columns, type ColumnValue } from "./columns.ts";

/** Columns of figures of the whole step. */
const SCALAR_COLUMNS = 4096;
/** Columns of layer figures, fewer where layers and metrics are many. */
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

/** Everything that Python has told the page about one run. Views read it and are told when it changes. */
export class Store {
  model: string;
  metrics: MetricInfo[] = [];
  layers: LayerInfo[] = [];
  status: Status = BEFORE_ANYTHING;
  states: string[] = [];
  /** Why something of a layer is not measured now, by the layer's name. */
  reasons: ReadonlyMap<string, string> = new Map();
  findings: FindingInfo[] = [];
  problems: ProblemInfo[] = [];
  /** Figures of the whole step: loss, total_grad_norm, lr … */
  scalars = new Columns(1, SCALAR_COLUMNS);
  /** Layer figures at the steps that were sampled. */
  samples = new Columns(0, FEWEST_COLUMNS);
  /** Rises with each snapshot: whatever was derived from layers or columns must be made anew. */
  generation = 0;
  /** Rises with each message: what was drawn from the same version is still right. */
  version = 0;
  readonly #listeners = new Set<() => void>();

  constructor(model: string) {
    this.model = model;
  }

  /** Calls `listener` after each message until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes in one message; a delta that comes before the first snapshot cannot be placed and is passed over. */
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
    const arrays = decode(message.blocks, data);
    appendAll(this.scalars, arrays, "steps", ["scalar"]);
    appendAll(this.samples, arrays, "sampled", ["value", "low", "high"]);
    for (const listener of this.#listeners) listener();
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
  const width = columns.width;
  steps.forEach((step: number, column: number) => {
    const values = new Map<string, ColumnValue>();
    for (const { block, values: numbers } of own) {
      const entry = values.get(block.name) ?? { value: [] };
      entry[block.part === "low" || block.part === "high" ? block.part : "value"] = row(
        numbers,
        column,
        width,
      );
      values.set(block.name, entry);
    }
    columns.append({ step, values });
  });
}

function row(numbers: Numbers, column: number, width: number): Numbers {
  return numbers.subarray(column * width, (column + 1) * width);
}
