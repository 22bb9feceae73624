import type { BoundInfo, MetricInfo } from "../protocol/messages.gen.ts";
import type { Store } from "../state/store.ts";
import type { Lens } from "../state/view-options.ts";
import { type RowSpec, rowsFor } from "./grouping.ts";
import { statesAt, worstOf } from "./states-at.ts";
import { type Reading, readingAt } from "./values-at.ts";

const DEFAULT: MetricInfo = { name: "grad_rms", title: "gradient RMS", scale: "log", bounds: [] };

/** One row of the picture with what it shows now. */
export interface TableRow extends RowSpec {
  summary: string;
  state: string;
  /** NaN where nothing was measured; a group shows the mean of its layers. */
  value: number;
  /** The step of the measurement. */
  step: number;
}

/** What bars, names and readout show at one moment. */
export interface Table {
  rows: TableRow[];
  metric: MetricInfo;
  /** The bounds of rules on the metric, in its unit. */
  bounds: BoundInfo[];
  /** The newest step shown; null where there is none. */
  step: number | null;
}

/** The rows as the lens looks at them: which layers, which metric, which moment. */
export function tableOf(store: Store, lens: Lens): Table {
  const { metric: name, cursor, groups } = lens.look;
  const metric = store.metrics.find((info) => info.name === name) ?? store.metrics[0] ?? DEFAULT;
  const { samples } = store;
  const reading = readingAt(
    samples,
    metric.name,
    cursor === null ? samples.count - 1 : samples.at(cursor),
  );
  const states = statesAt(store, cursor);
  const names = store.layers.map((layer) => layer.name);
  const specs = rowsFor(names, (layer) => isWrong(store.states[layer]), groups);
  const rows = specs.map((spec) => rowOf(store, spec, metric, reading, states));
  const newest = rows.reduce(
    (most, row) => Math.max(most, Number.isNaN(row.step) ? -1 : row.step),
    -1,
  );
  return { rows, metric, bounds: boundsFor(metric, reading), step: newest < 0 ? null : newest };
}

/** A bound relative to the last layer takes the newest figure of the last one that has any. */
function boundsFor({ bounds }: MetricInfo, { values }: Reading): BoundInfo[] {
  const last = values.findLast((value) => value > 0 && Number.isFinite(value));
  return bounds.flatMap((bound) => {
    if (bound.of === "itself") return [bound];
    return last === undefined ? [] : [{ ...bound, value: bound.value * last }];
  });
}

function isWrong(state: string | undefined): boolean {
  return state !== undefined && !["ok", "not measured", "not trainable"].includes(state);
}

function rowOf(
  store: Store,
  spec: RowSpec,
  metric: MetricInfo,
  reading: Reading,
  states: string[],
): TableRow {
  const [first] = spec.layers;
  const single = spec.open === undefined && first !== undefined;
  return {
    ...spec,
    summary: single ? (store.layers[first]?.summary ?? "") : `${spec.layers.length} layers`,
    state: single
      ? (states[first] ?? "not measured")
      : worstOf(spec.layers.map((layer) => states[layer] ?? "")),
    value: single
      ? (reading.values[first] ?? Number.NaN)
      : meanOf(spec.layers, reading.values, metric.scale === "log"),
    step: spec.layers.reduce(
      (most, layer) => greater(most, reading.steps[layer] ?? Number.NaN),
      Number.NaN,
    ),
  };
}

/** Geometric on a log scale: one large layer must not hide that the others are small. */
function meanOf(layers: number[], values: Float64Array, log: boolean): number {
  let total = 0;
  let count = 0;
  for (const layer of layers) {
    const value = values[layer] as number;
    if (Number.isNaN(value) || (log && value <= 0)) continue;
    total += log ? Math.log10(value) : value;
    count++;
  }
  if (count === 0) return Number.NaN;
  return log ? 10 ** (total / count) : total / count;
}

function greater(a: number, b: number): number {
  return Number.isNaN(a) || b > a ? b : a;
}
