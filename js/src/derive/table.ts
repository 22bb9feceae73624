import type { BoundInfo, MetricInfo } from "../protocol/messages.gen.ts";
import type { Store } from "../state/store.ts";
import type { ViewOptions } from "../state/view-options.ts";
import { greater } from "../util/extremes.ts";
import { formatCount } from "../util/format.ts";
import { groupsAround, type RowSpec, rowsFor } from "./grouping.ts";
import { colorStatesAt } from "./story/bar-colors.ts";
import { titleOf } from "./story/layer-title.ts";
import { leadOf, pointedAt } from "./story/lead.ts";
import { isAlarming, statesAt, worstOf } from "./story/states-at.ts";
import { type LayerValues, valuesAt } from "./values-at.ts";

const DEFAULT: MetricInfo = { name: "grad_rms", title: "gradient RMS", scale: "log", bounds: [] };

/** One row of the picture with what it shows now. */
export interface TableRow extends RowSpec {
  /** The whole name as a reader says it. */
  name: string;
  summary: string;
  state: string;
  /** The state whose color the bar has: that of the finding of the row, where it is about the metric. */
  colorState: string;
  /** Whether the bar stands back because others are what is pointed at. */
  dimmed: boolean;
  /** NaN where nothing was measured; a group shows the mean of its layers. */
  value: number;
  /** The step of the measurement. */
  step: number;
}

/** What bars, names and tooltip show at one moment. */
export interface Table {
  rows: TableRow[];
  metric: MetricInfo;
  /** The bounds of rules on the metric, in its unit. */
  bounds: BoundInfo[];
  /** The newest step shown; null where there is none. */
  step: number | null;
}

/** The rows for the layers, the metric and the step that the reader has chosen. */
export function tableOf(store: Store, options: ViewOptions): Table {
  const { metric: name, cursor } = options.choices;
  const metric = store.metrics.find((info) => info.name === name) ?? store.metrics[0] ?? DEFAULT;
  const { samples } = store;
  const measured = valuesAt(samples, metric.name, samples.at(cursor));
  const states = statesAt(store, cursor);
  const names = store.layers.map((layer) => layer.name);
  const specs = rowsFor(
    names,
    (layer) => isAlarming(store.states[layer] ?? "ok"),
    openedIn(names, options),
  );
  const colorStates = colorStatesAt(store, cursor, metric.name, measured.values);
  const named = namedIn(store, options, metric.name);
  const rows = specs.map((spec) => {
    const row = rowOf(store, spec, metric, measured, states, colorStates);
    const isNamed = spec.layers.some((layer) => named.has(names[layer] ?? ""));
    return { ...row, dimmed: named.size > 0 && !isNamed };
  });
  const step = rows.reduce((newest, row) => greater(newest, row.step), Number.NaN);
  return {
    rows,
    metric,
    bounds: boundsFor(metric, measured),
    step: Number.isNaN(step) ? null : step,
  };
}

/** The groups that the reader opened or closed; those around the layer found are open. */
function openedIn(names: string[], { choices }: ViewOptions): ReadonlyMap<string, boolean> {
  const { found, groups } = choices;
  const layer = found === null ? -1 : names.indexOf(found);
  if (layer < 0) return groups;
  const around = groupsAround(names, layer).map((key) => [key, true] as const);
  return new Map([...groups, ...around]);
}

/**
 * The layers that the bars point at: those that the reader asked for, else those of the cause where
 * the metric shown is about it. Empty where that is none or all.
 */
function namedIn(store: Store, options: ViewOptions, metric: string): ReadonlySet<string> {
  const { pointed, cursor } = options.choices;
  const asked = pointedAt(store, pointed);
  const cause = leadOf(store)?.cause;
  const isShown =
    cause?.metrics.includes(metric) && (cursor === null || cursor >= cause.first_step);
  const named = asked.size > 0 ? asked : new Set(isShown ? cause?.layers : []);
  return store.layers.some(({ name }) => named.has(name)) ? named : new Set();
}

/** A bound relative to the last layer is multiplied by the newest value of the last with any. */
function boundsFor({ bounds }: MetricInfo, { values }: LayerValues): BoundInfo[] {
  const last = values.findLast((value) => value > 0 && Number.isFinite(value));
  return bounds.flatMap((bound) => {
    if (bound.of === "itself") return [bound];
    return last === undefined ? [] : [{ ...bound, value: bound.value * last }];
  });
}

function rowOf(
  store: Store,
  spec: RowSpec,
  metric: MetricInfo,
  { values, steps }: LayerValues,
  states: string[],
  colorStates: string[],
): Omit<TableRow, "dimmed"> {
  const { layers } = spec;
  const [first] = layers;
  const step = layers.reduce(
    (newest, layer) => greater(newest, steps[layer] ?? Number.NaN),
    Number.NaN,
  );
  if (spec.open === undefined && first !== undefined) {
    const { kind = "", summary = "" } = store.layers[first] ?? {};
    const label = titleOf({ name: spec.label, kind });
    return {
      ...spec,
      label,
      name: titleOf({ name: spec.key, kind }),
      // What the label says already is not said twice.
      summary: label === spec.label ? summary : summary.replace(`${kind} `, ""),
      state: states[first] ?? "not measured",
      colorState: colorStates[first] ?? "not measured",
      value: values[first] ?? Number.NaN,
      step,
    };
  }
  return {
    ...spec,
    name: spec.key,
    summary: `${formatCount(layers.length)} layers`,
    state: worstOf(layers.map((layer) => states[layer] ?? "")),
    colorState: worstOf(layers.map((layer) => colorStates[layer] ?? "")),
    value: meanOf(layers, values, metric.scale === "log"),
    step,
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
