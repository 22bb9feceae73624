import type { EvidenceInfo, FindingInfo } from "../protocol/messages.gen.ts";
import { lookOf } from "../protocol/state-look.ts";
import type { LoopControl } from "../state/loop-control.ts";
import { breakable } from "../util/breakable.ts";
import { element, setAttribute, setText } from "../util/dom.ts";
import { formatCode, formatCount, formatValue } from "../util/format.ts";
import { memo } from "../util/redraw.ts";
import { Remedy } from "./remedy.ts";

/** What the reader can do with a finding. */
export interface CardActions {
  /** Show where it is: all its layers, and the one that was clicked in sight. */
  onShow(layers: string[], first: string): void;
  /** Travel to a step. */
  onTravel(step: number): void;
  /** What applies remedies; null where there is no loop. */
  loop: LoopControl | null;
}

/** Layers named on a card; the remaining ones are counted. */
const LAYERS_NAMED = 6;
/** A whole number from here on is a size rather than a count. */
const MOST_COUNTED = 1e6;
/** How a reader calls the evidence that every finding has. */
const TERMS: Record<string, string> = {
  value: "measured",
  bound: "limit",
  window: "samples judged",
  held: "samples seen in",
};

/** One finding. */
export class FindingCard {
  readonly node = element("li", { class: "gw-card" });
  readonly #mark = element("span", { class: "gw-mark", "aria-hidden": "true" });
  readonly #title = element("h3");
  readonly #severity = element("span", { class: "gw-severity" });
  readonly #message = element("p");
  readonly #layers = element("dd", { class: "gw-finding-layers" });
  readonly #since = element("button", { type: "button", class: "gw-link" });
  readonly #facts = element("dl");
  /** Terms and values after the ones that are always there. */
  #evidence: { term: HTMLElement; value: HTMLElement }[] = [];
  readonly #remedies = element("div", { class: "gw-remedies" });
  #shownRemedies: Remedy[] = [];
  readonly #actions: CardActions;
  readonly #listMessage = memo<string>();
  readonly #listLayers = memo<string>();
  readonly #listRemedies = memo<string>();
  #finding: FindingInfo | null = null;

  constructor(actions: CardActions) {
    this.#actions = actions;
    this.#since.addEventListener("click", () => {
      if (this.#finding !== null) actions.onTravel(this.#finding.first_step);
    });
    this.#facts.append(
      element("dt", { text: "layers" }),
      this.#layers,
      element("dt", { text: "since step" }),
      element("dd", {}, this.#since),
    );
    this.node.append(
      element("div", { class: "gw-card-head" }, this.#title, this.#mark, this.#severity),
      this.#message,
      this.#facts,
      this.#remedies,
    );
  }

  update(finding: FindingInfo): void {
    this.#finding = finding;
    const { active, message, layers } = finding;
    const look = lookOf(finding.state);
    setText(this.#mark, active ? look.mark : "✓");
    setText(this.#title, finding.title);
    setText(this.#severity, active ? finding.severity : "resolved");
    this.node.style.setProperty("--gw-state", active ? look.color : "var(--gw-neutral)");
    setAttribute(this.node, "data-symptom", finding.symptom);
    setAttribute(this.node, "data-severity", finding.severity);
    setAttribute(this.node, "data-active", String(active));
    this.#listMessage(message, () => this.#message.replaceChildren(...breakable(message)));
    setText(this.#since, formatCount(finding.first_step));
    this.#listLayers(layers.join(), () => this.#layers.replaceChildren(...this.#named(layers)));
    this.#updateEvidence(factsOf(finding));
    this.#updateRemedies(finding);
  }

  /** The layers as buttons that show them. */
  #named(layers: string[]): Node[] {
    if (layers.length === 0) return [element("span", { text: "the whole model" })];
    const nodes: Node[] = layers.slice(0, LAYERS_NAMED).map((name) => {
      const button = element("button", { type: "button", class: "gw-link" }, ...breakable(name));
      button.addEventListener("click", () => {
        this.#actions.onShow(this.#finding?.layers ?? [], name);
      });
      return button;
    });
    const more = layers.length - LAYERS_NAMED;
    if (more > 0) nodes.push(element("span", { text: `and ${more} more` }));
    return nodes;
  }

  #updateEvidence(facts: [string, string][]): void {
    if (facts.length !== this.#evidence.length) {
      for (const { term, value } of this.#evidence) {
        term.remove();
        value.remove();
      }
      this.#evidence = facts.map(() => ({ term: element("dt"), value: element("dd") }));
      this.#facts.append(...this.#evidence.flatMap(({ term, value }) => [term, value]));
    }
    this.#evidence.forEach(({ term, value }, i) => {
      const [name, text] = facts[i] as [string, string];
      setText(term, name);
      setText(value, text);
    });
  }

  #updateRemedies(finding: FindingInfo): void {
    const { remedies } = finding;
    this.#listRemedies(JSON.stringify(remedies), () => {
      const { loop } = this.#actions;
      this.#shownRemedies = remedies.map((remedy) => new Remedy(finding, remedy, loop));
      this.#remedies.replaceChildren(...this.#shownRemedies.map(({ node }) => node));
    });
    for (const remedy of this.#shownRemedies) remedy.update();
  }
}

function factsOf(finding: FindingInfo): [string, string][] {
  const facts: [string, string][] = [];
  if (!finding.active) facts.push(["until step", formatCount(finding.last_step)]);
  if (finding.origin !== null) facts.push(["arose in", finding.origin]);
  for (const evidence of finding.evidence)
    facts.push([TERMS[evidence.name] ?? formatCode(evidence.name), evidenceText(evidence)]);
  if (finding.caveat !== "") facts.push(["caveat", finding.caveat]);
  return facts;
}

function evidenceText({ value }: EvidenceInfo): string {
  if (value === null) return "not finite";
  const isCount = Number.isInteger(value) && Math.abs(value) < MOST_COUNTED;
  return isCount ? formatCount(value) : formatValue(value);
}
