import type { FindingInfo } from "../protocol/messages.gen.ts";
import { element, setHidden } from "../util/dom.ts";
import { memo } from "../util/redraw.ts";
import { type CardActions, FindingCard } from "./finding-card.ts";

/** What is wrong, as cards: what, where, since when, the evidence, and what to do. */
export class Findings {
  readonly node: HTMLElement;
  readonly #list = element("ul", { class: "gw-cards", "aria-label": "Findings" });
  readonly #none = element("p", { class: "gw-no-findings", text: "Nothing is wrong so far." });
  readonly #cards = new Map<string, FindingCard>();
  readonly #arrange = memo<string>();
  readonly #actions: CardActions;

  constructor(actions: CardActions) {
    this.#actions = actions;
    this.node = element(
      "section",
      { class: "gw-findings" },
      element("h2", { text: "Findings" }),
      this.#none,
      this.#list,
    );
  }

  update(findings: FindingInfo[], started: boolean): void {
    // A card stays, with its code open, while the values of its finding change.
    const keys = findings.map((finding) => `${finding.symptom} ${finding.reported_step}`);
    const kept = new Set(keys);
    for (const key of this.#cards.keys()) if (!kept.has(key)) this.#cards.delete(key);
    const cards = findings.map((finding, i) => {
      const card = this.#cardFor(keys[i] as string);
      card.update(finding);
      return card;
    });
    this.#arrange(keys.join(), () => {
      this.#list.replaceChildren(...cards.map(({ node }) => node));
    });
    setHidden(this.#list, cards.length === 0);
    setHidden(this.#none, cards.length > 0 || !started);
  }

  #cardFor(key: string): FindingCard {
    let card = this.#cards.get(key);
    if (card === undefined) {
      card = new FindingCard(this.#actions);
      this.#cards.set(key, card);
    }
    return card;
  }
}
