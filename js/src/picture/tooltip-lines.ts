import { reasonsFor } from "../derive/reasons.ts";
import type { Table, TableRow } from "../derive/table.ts";
import type { MetricInfo } from "../protocol/messages.gen.ts";
import { lookOf } from "../protocol/state-look.ts";
import type { Store } from "../state/store.ts";
import { formatCount, formatShare, formatValue } from "../util/format.ts";

/** The title of a metric and a value of it. */
export function metricText(metric: MetricInfo, value: number): string {
  if (Number.isNaN(value)) return `${metric.title} not measured`;
  return `${metric.title} ${Number.isFinite(value) ? valueText(metric, value) : "not finite"}`;
}

/** A value in the unit of its metric. */
export function valueText(metric: MetricInfo, value: number): string {
  return metric.scale === "share" ? formatShare(value) : formatValue(value);
}

/**
 * All that is known of a row. Its usual range is null where there is none; with a `cursor`, an
 * earlier step is shown, of which no reasons are known.
 */
export function tooltipLines(
  row: TableRow,
  { metric, bounds }: Table,
  store: Store,
  usual: [number, number] | null,
  cursor: number | null,
): string[] {
  const look = lookOf(row.state);
  const when = Number.isNaN(row.step) ? "" : ` at step ${formatCount(row.step)}`;
  const lines = [
    `${row.name} · ${row.summary}`,
    `${look.mark} ${look.word}`,
    metricText(metric, row.value) + when,
  ];
  if (usual !== null)
    lines.push(`usually ${usual.map((value) => valueText(metric, value)).join(" … ")}`);
  for (const { value, means } of bounds)
    lines.push(`┊ limit ${valueText(metric, value)}: ${means}`);
  const names = new Set(row.layers.map((layer) => store.layers[layer]?.name ?? ""));
  if (cursor === null) lines.push(...reasonsFor([...names], store.reasons));
  const finding = store.findings.find(
    ({ layers, active }) => active && layers.some((name) => names.has(name)),
  );
  if (finding !== undefined)
    lines.push(`${finding.title} since step ${formatCount(finding.first_step)}`);
  return lines;
}
