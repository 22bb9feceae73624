import type { EvidenceInfo, FindingInfo } from "../protocol/messages.gen.ts";
import type { Remote } from "../state/loop-control.ts";
import { breakable } from "../util/breakable.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCode, formatCount, formatFigure } from "../util/format.ts";
import { lookOf } from "../util/state-look.ts";
import { RemedyNode } from "./remedy.ts";

/** What the reader asks of a finding. */
export interface FindingsOptions {
  /** Show where it is: all its layers, and the one that was clicked in sight. */
  onShow(layers: string[], first: string): void;
  /** Look at a step. */
  onTravel(step: number): void;
  /** With what remedies are applied; null where there is no loop. */
  remote: Remote | null;
}

/** Layers named on a card before the rest is counted. */
const LAYERS_NAMED = 6;
/** Terms and values of a card that are always there: layers and first step. */
const FIXED = 4;

/** A whole number from here on is a size rather than a count. */
const MOST_COUNTED = 1e6;

/** What is wrong, as cards: what, where, since when, the numbers behind it, and what to do. */
export class Findings {
  readonly node: HTMLElement;
  readonly #list = element("ul", { class: "gw-cards", "aria-label": "Findings" });
  readonly #none = element("p", { class: "gw-none", text: "Nothing is wrong so far." });
  readonly #cards = new Map<string, Card>();
  readonly #options: FindingsOptions;

  constructor(options: FindingsOptions) {
    this.#options = options;
    this.node = element(
      "section",
      { class: "gw-findings" },
      element("h2", { text: "Findings" }),
      this.#none,
      this.#list,
    );
  }

  update(findings: FindingInfo[], started: boolean): void {
    const kept = new Set<string>();
    const nodes = findings.map((finding) => {
      // A card keeps its place and its opened code while the finding's numbers move on.
      const key = `${finding.symptom} ${finding.reported_step}`;
      kept.add(key);
      let card = this.#cards.get(key);
      if (card === undefined) {
        card = new Card(this.#options);
        this.#cards.set(key, card);
      }
      card.update(finding);
      return card.node;
    });
    for (const key of this.#cards.keys()) if (!kept.has(key)) this.#cards.delete(key);
    if (
      nodes.some((node, i) => this.#list.children[i] !== node) ||
      nodes.length !== this.#list.childElementCount
    ) {
      this.#list.replaceChildren(...nodes);
    }
    setHidden(this.#list, nodes.length === 0);
    setHidden(this.#none, nodes.length > 0 || !started);
  }
}

class Card {
  readonly node = element("li", { class: "gw-card" });
  readonly #mark = element("span", { class: "gw-mark", "aria-hidden": "true" });
  readonly #title = element("h3");
  readonly #severity = element("span", { class: "gw-severity" });
  readonly #message = element("p");
  readonly #layers = element("dd", { class: "gw-where" });
  readonly #since = element("button", { type: "button", class: "gw-link" });
  readonly #facts = element("dl");
  readonly #remedies = element("div", { class: "gw-remedies" });
  readonly #options: FindingsOptions;
  #finding: FindingInfo | null = null;
  #named = "";
  #shown = "";
  #nodes: RemedyNode[] = [];

  constructor(options: FindingsOptions) {
    this.#options = options;
    const head = element("div", { class: "gw-card-head" }, this.#title, this.#mark, this.#severity);
    this.#since.addEventListener("click", () => {
      if (this.#finding !== null) options.onTravel(this.#finding.first_step);
    });
    this.#facts.append(
      element("dt", { text: "layers" }),
      this.#layers,
      element("dt", { text: "since step" }),
      element("dd", {}, this.#since),
    );
    this.node.append(head, this.#message, this.#facts, this.#remedies);
  }

  update(finding: FindingInfo): void {
    const look = lookOf(finding.active ? finding.state : "resolved");
    setText(this.#mark, finding.active ? look.mark : "✓");
    setText(this.#title, finding.title);
    setText(this.#severity, finding.active ? finding.severity : "resolved");
    this.node.style.setProperty("--gw-state", finding.active ? look.colour : "var(--gw-neutral)");
    setAttribute(this.node, "data-symptom", finding.symptom);
    setAttribute(this.node, "data-severity", finding.severity);
    setAttribute(this.node, "data-active", String(finding.active));
    if (this.#message.textContent !== finding.message)
      this.#message.replaceChildren(...breakable(finding.message));
    this.#finding = finding;
    setText(this.#since, formatCount(finding.first_step));
    this.#name(finding.layers);
    this.#fill(factsOf(finding));
    const remedies = JSON.stringify(finding.remedies);
    if (remedies !== this.#shown) {
      this.#shown = remedies;
      const { remote } = this.#options;
      this.#nodes = finding.remedies.map((remedy) => new RemedyNode(finding, remedy, remote));
      this.#remedies.replaceChildren(...this.#nodes.map(({ node }) => node));
    }
    for (const remedy of this.#nodes) remedy.update();
  }

  /** The layers as buttons that show them. */
  #name(layers: string[]): void {
    const named = layers.join();
    if (named === this.#named && this.#layers.hasChildNodes()) return;
    this.#named = named;
    const more = layers.length - LAYERS_NAMED;
    const nodes: Node[] = layers.slice(0, LAYERS_NAMED).map((name) => {
      const button = element("button", { type: "button", class: "gw-link" }, ...breakable(name));
      button.addEventListener("click", () =>
        this.#options.onShow(this.#finding?.layers ?? [], name),
      );
      return button;
    });
    if (more > 0) nodes.push(element("span", { text: `and ${more} more` }));
    if (layers.length === 0) nodes.push(element("span", { text: "the whole model" }));
    this.#layers.replaceChildren(...nodes);
  }

  #fill(facts: [string, string][]): void {
    const missing = facts.length - (this.#facts.childElementCount - FIXED) / 2;
    if (missing !== 0) {
      while (this.#facts.childElementCount > FIXED) this.#facts.lastElementChild?.remove();
      this.#facts.append(...facts.flatMap(() => [element("dt"), element("dd")]));
    }
    facts.forEach(([name, value], i) => {
      setText(this.#facts.children[FIXED + 2 * i] as Element, name);
      setText(this.#facts.children[FIXED + 2 * i + 1] as Element, value);
    });
  }
}

/** The evidence that every finding has, as a reader calls it. */
const TERMS: Record<string, string> = {
  value: "measured",
  bound: "limit",
  window: "samples judged",
  held: "samples seen in",
};

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
  return Number.isInteger(value) && Math.abs(value) < MOST_COUNTED
    ? formatCount(value)
    : formatFigure(value);
}
