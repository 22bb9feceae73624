import type { FindingInfo } from "../../protocol/messages.gen.ts";
import type { Store } from "../../state/store.ts";

/** What leads the story: a cause, and the metric that shows it or what follows from it. */
export interface Lead {
  cause: FindingInfo;
  /** Of the metrics that the run has; null where none of them shows it. */
  metric: string | null;
}

/** What is wrong now and not due to anything else that is. */
export function causesOf({ findings }: Store): FindingInfo[] {
  return findings.filter(({ active, because }) => active && because === null);
}

/** The first cause; null where nothing is wrong. */
export function leadOf(store: Store): Lead | null {
  const { findings, metrics } = store;
  const [cause] = causesOf(store);
  if (cause === undefined) return null;
  const measured = new Set(metrics.map(({ name }) => name));
  // In the order of all findings, which is what the words of the rows follow, too. Where something is
  // not finite, every row says so, and little else can be seen.
  const story = findings.filter(
    (finding) =>
      finding === cause || (finding.active && cause.consequences.includes(finding.symptom)),
  );
  const lost = story.filter(({ state }) => state === "non-finite");
  const judged = [...lost, ...story].flatMap((finding) => finding.metrics);
  return { cause, metric: judged.find((name) => measured.has(name)) ?? null };
}

/** What tells a finding from all others of its run, however its values change. */
export function keyOf({ symptom, reported_step }: FindingInfo): string {
  return `${symptom} ${reported_step}`;
}

/** The layers of the finding that the reader asked for; none once that is gone. */
export function pointedAt({ findings }: Store, pointed: string | null): ReadonlySet<string> {
  return new Set(findings.find((finding) => keyOf(finding) === pointed)?.layers);
}

/** The findings that a cause explains, in the order in which they began. */
export function explainedBy(cause: FindingInfo, findings: FindingInfo[]): FindingInfo[] {
  return cause.consequences.flatMap((symptom) =>
    findings.filter((finding) => finding.active && finding.symptom === symptom),
  );
}

/** The metric that shows a finding best, of those that the run has. */
export function metricOf({ metrics }: FindingInfo, store: Store): string | null {
  const measured = new Set(store.metrics.map(({ name }) => name));
  return metrics.find((name) => measured.has(name)) ?? null;
}
