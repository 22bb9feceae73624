import type { EvidenceInfo, FindingInfo } from "../../protocol/messages.gen.ts";
import { element, setText } from "../../util/dom.ts";
import { formatCode, formatCount, formatValue } from "../../util/format.ts";

/** A whole number from here on is a size rather than a count. */
const MOST_COUNTED = 1e6;
/** How a reader calls the evidence that every finding has. */
const TERMS: Record<string, string> = {
  value: "measured",
  bound: "limit",
  window: "samples judged",
  held: "samples seen in",
};

/** What was measured, what it was compared with, and what could make it a false alarm. */
export class FindingFacts {
  readonly node = element("dl");
  #shown: { term: HTMLElement; value: HTMLElement }[] = [];

  update(finding: FindingInfo): void {
    const facts = factsOf(finding);
    if (facts.length !== this.#shown.length) {
      this.#shown = facts.map(() => ({ term: element("dt"), value: element("dd") }));
      this.node.replaceChildren(...this.#shown.flatMap(({ term, value }) => [term, value]));
    }
    this.#shown.forEach(({ term, value }, i) => {
      const [name, text] = facts[i] as [string, string];
      setText(term, name);
      setText(value, text);
    });
  }
}

function factsOf(finding: FindingInfo): [string, string][] {
  const facts: [string, string][] = [];
  if (finding.origin !== null) facts.push(["arose in", finding.origin]);
  for (const evidence of finding.evidence)
    facts.push([TERMS[evidence.name] ?? formatCode(evidence.name), evidenceText(evidence)]);
  facts.push(["reported at step", formatCount(finding.reported_step)]);
  if (finding.caveat !== "") facts.push(["caveat", finding.caveat]);
  return facts;
}

function evidenceText({ value }: EvidenceInfo): string {
  if (value === null) return "not finite";
  const isCount = Number.isInteger(value) && Math.abs(value) < MOST_COUNTED;
  return isCount ? formatCount(value) : formatValue(value);
}
