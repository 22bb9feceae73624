import { explainedBy, keyOf } from "../../derive/story/lead.ts";
import type { FindingInfo } from "../../protocol/messages.gen.ts";
import { NOT_CHECKED } from "../../protocol/states.gen.ts";
import type { Store } from "../../state/store.ts";
import { element, setHidden, setText } from "../../util/dom.ts";
import { formatCount } from "../../util/format.ts";
import { memo } from "../../util/redraw.ts";
import { type CardActions, FindingCard } from "./finding-card.ts";

/** What is wrong, as one card per cause; what is over stands folded below. */
export class Findings {
  readonly node: HTMLElement;
  readonly #list = element("ul", { class: "gw-cards", "aria-label": "Findings" });
  readonly #over = element("ul", { class: "gw-cards", "aria-label": "Findings that are over" });
  readonly #overTitle = element("summary");
  readonly #fold = element("details", { class: "gw-over" }, this.#overTitle, this.#over);
  readonly #none = element("p", { class: "gw-no-findings" });
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
      this.#fold,
    );
  }

  update(store: Store): void {
    const { findings, layers, status } = store;
    // What a cause explains is a line of its card, until it is over.
    const causes = findings.filter(({ because, active }) => because === null || !active);
    // A card stays, with its code open, while the values of its finding change.
    const keys = causes.map(keyOf);
    const kept = new Set(keys);
    for (const key of this.#cards.keys()) if (!kept.has(key)) this.#cards.delete(key);
    const cards = causes.map((cause, i) => {
      const card = this.#cardFor(keys[i] as string);
      card.update(cause, explainedBy(cause, findings), layers);
      return card;
    });
    const over = causes.filter(({ active }) => !active);
    const of = (wanted: boolean): HTMLElement[] =>
      cards.filter((_, i) => causes[i]?.active === wanted).map(({ node }) => node);
    this.#arrange(`${keys.join()} ${over.length}`, () => {
      this.#list.replaceChildren(...of(true));
      this.#over.replaceChildren(...of(false));
    });
    setText(this.#overTitle, over.length === 0 ? "" : endedWords(over));
    setHidden(this.#fold, over.length === 0);
    const open = causes.length - over.length;
    setHidden(this.#list, open === 0);
    // Before the rules could have spoken, the headline says that they are looking.
    const isCalm = status.step !== null && status.state === "ok";
    const nothing = over.length > 0 ? "Nothing is wrong now." : "Nothing is wrong so far.";
    setText(this.#none, `${nothing} ${NOT_CHECKED}`);
    setHidden(this.#none, open > 0 || !isCalm);
    setHidden(this.node, causes.length === 0 && !isCalm);
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

function endedWords(over: FindingInfo[]): string {
  const [first] = over;
  if (over.length > 1 || first === undefined) return `Ended: ${over.length} findings`;
  const { title, first_step, last_step } = first;
  return `Ended: ${title}, steps ${formatCount(first_step)}–${formatCount(last_step)}`;
}
