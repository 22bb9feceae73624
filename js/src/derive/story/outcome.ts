import type { ChangeInfo, FindingInfo } from "../../protocol/messages.gen.ts";
import type { Columns } from "../../state/columns.ts";
import type { Store } from "../../state/store.ts";
import { formatCount, formatMeasured } from "../../util/format.ts";
import { valuesAt } from "../values-at.ts";
import { titleOf } from "./layer-title.ts";
import { metricOf } from "./lead.ts";

/** Findings about how the gradient changes over depth: whether it should have risen since. */
const RISES: Record<string, boolean> = { vanishing_gradients: true, exploding_gradients: false };
/** A change of less than this factor is none. */
const NOTABLE = 1.5;
/** Steps before which nothing is judged. */
const EARLY = 10;

interface Measured {
  name: string;
  before: number;
  now: number;
}

/**
 * What came of a change that was made for a finding, in words: "Linear 0 over Linear 6: 6.0×10⁻⁸ →
 * 9.0×10⁻⁶, loss 2.30 → 2.28 in 50 steps: better, not over." Empty until a step was measured since.
 */
export function outcomeOf(finding: FindingInfo, { step }: ChangeInfo, store: Store): string {
  const since = (store.status.step ?? step) - step;
  const measured = measuredFor(finding, step, store);
  const parts = [measured, lossAround(step, store)].flatMap((part) => (part === null ? [] : part));
  if (since < 1 || parts.length === 0) return "";
  const figures = parts.map(
    ({ name, before, now }) => `${name} ${formatMeasured(before)} → ${formatMeasured(now)}`,
  );
  const steps = since === 1 ? "1 step" : `${formatCount(since)} steps`;
  return `${figures.join(", ")} in ${steps}: ${verdictOn(finding, measured, since)}.`;
}

/** The same of the finding that offers the change; empty where none does any more. */
export function whatCameOf(change: ChangeInfo, store: Store): string {
  const finding = store.findings.find(({ remedies }) =>
    remedies.some((remedy) => remedy.change === change.text),
  );
  return finding === undefined ? "" : outcomeOf(finding, change, store);
}

function verdictOn(
  { active, symptom }: FindingInfo,
  measured: Measured | null,
  since: number,
): string {
  if (!active) return "over";
  if (since < EARLY) return "too early to say";
  const rises = RISES[symptom];
  if (measured === null || rises === undefined) return "not over yet";
  const factor = measured.now / measured.before;
  const gain = rises ? factor : 1 / factor;
  if (gain > NOTABLE) return "better, not over";
  return gain < 1 / NOTABLE ? "worse" : "no better so far";
}

/** The finding's metric at its worst layer, over the last one where it is about the depth. */
function measuredFor(finding: FindingInfo, step: number, store: Store): Measured | null {
  const metric = metricOf(finding, store);
  const worst = store.layers.findIndex(({ name }) => name === finding.layers[0]);
  const [first, last] = [store.layers[worst], store.layers.at(-1)];
  if (metric === null || first === undefined || last === undefined) return null;
  const title = store.metrics.find(({ name }) => name === metric)?.title ?? metric;
  const isOverDepth = finding.symptom in RISES && first !== last;
  const read = (column: number): number => {
    const { values } = valuesAt(store.samples, metric, column);
    const value = values[worst] as number;
    return isOverDepth ? value / (values.at(-1) as number) : value;
  };
  const [before, now] = around(store.samples, step, read);
  if (Number.isNaN(before) || Number.isNaN(now)) return null;
  const name = isOverDepth ? `${titleOf(first)} over ${titleOf(last)}` : titleOf(first);
  return { name: isOverDepth ? `${name}:` : `${title} of ${name}:`, before, now };
}

function lossAround(step: number, { scalars }: Store): Measured | null {
  const losses = scalars.history("loss")?.value;
  const [before, now] = around(scalars, step, (column) => {
    for (let at = column; losses !== undefined && at >= 0; at--)
      if (!Number.isNaN(losses[at])) return losses[at] as number;
    return Number.NaN;
  });
  return Number.isNaN(before) || Number.isNaN(now) ? null : { name: "loss", before, now };
}

/** What is read at the last column of before a change, and at the newest; NaN where either lacks. */
function around(
  columns: Columns,
  step: number,
  read: (column: number) => number,
): [number, number] {
  const [then, newest] = [columns.at(step), columns.count - 1];
  if (then < 0 || newest <= then) return [Number.NaN, Number.NaN];
  return [read(then), read(newest)];
}
