import { withTitles } from "../../derive/story/message-words.ts";
import type { ChangeInfo, FindingInfo, LayerInfo } from "../../protocol/messages.gen.ts";
import { lookOf } from "../../protocol/state-look.ts";
import type { LoopControl } from "../../state/loop-control.ts";
import { breakable } from "../../util/breakable.ts";
import { element, setAttribute, setHidden, setText } from "../../util/dom.ts";
import { memo } from "../../util/redraw.ts";
import { Consequence } from "./consequence.ts";
import { Explanation } from "./explanation.ts";
import { FindingFacts } from "./finding-facts.ts";
import { FindingPlace, type PlaceActions } from "./finding-place.ts";
import { Remedy } from "./remedy.ts";

/** What the reader can do with a finding. */
export interface CardActions extends PlaceActions {
  /** What applies remedies; null where there is no loop. */
  loop: LoopControl | null;
  /** What came of a change that was made for a finding, in words. */
  outcome: (finding: FindingInfo, change: ChangeInfo) => string;
}

/** What a click does something of its own with. */
const OWN_CLICK = "button, summary, pre, .gw-panel";

/** A cause with what it explains: what, where, since when, what to do, and why we say so. */
export class FindingCard {
  readonly node = element("li", { class: "gw-card" });
  readonly #mark = element("span", { class: "gw-mark", "aria-hidden": "true" });
  readonly #title = element("h3");
  readonly #severity = element("span", { class: "gw-severity" });
  readonly #explanation = new Explanation();
  readonly #message = element("p");
  readonly #place: FindingPlace;
  readonly #facts = new FindingFacts();
  readonly #consequences = element("div", { class: "gw-consequences", role: "group" });
  #shownConsequences = new Map<string, Consequence>();
  readonly #first = element("div", { class: "gw-remedies" });
  readonly #others = element("div", { class: "gw-remedies" });
  readonly #why = element("summary");
  #shownRemedies: Remedy[] = [];
  readonly #actions: CardActions;
  readonly #listMessage = memo<string>();
  readonly #listConsequences = memo<string>();
  readonly #listRemedies = memo<string>();
  #finding: FindingInfo | null = null;

  constructor(actions: CardActions) {
    this.#actions = actions;
    this.#place = new FindingPlace(actions);
    this.#consequences.setAttribute("aria-label", "Seen because of this");
    this.node.append(
      element(
        "div",
        { class: "gw-card-head" },
        this.#title,
        this.#mark,
        this.#severity,
        this.#explanation.button,
      ),
      this.#explanation.panel,
      this.#message,
      this.#place.node,
      this.#first,
      this.#consequences,
      element("details", { class: "gw-why" }, this.#why, this.#facts.node, this.#others),
    );
    this.node.addEventListener("click", ({ target }) => {
      const isOwn = (target as Element).closest(OWN_CLICK) !== null;
      if (this.#finding !== null && !isOwn) actions.onShow(this.#finding, null);
    });
  }

  /**
   * Shows a finding.
   *
   * `explained` are the findings that are due to it, `all` the layers of the network in their order.
   */
  update(finding: FindingInfo, explained: FindingInfo[], all: readonly LayerInfo[]): void {
    this.#finding = finding;
    const { active, message, layers } = finding;
    const look = lookOf(finding.state);
    setText(this.#mark, active ? look.mark : "✓");
    setText(this.#title, finding.title);
    setText(this.#severity, active ? finding.severity : "resolved");
    this.#explanation.update(finding.symptom, finding.title);
    this.node.style.setProperty("--gw-state", active ? look.color : "var(--gw-neutral)");
    setAttribute(this.node, "data-symptom", finding.symptom);
    setAttribute(this.node, "data-severity", finding.severity);
    setAttribute(this.node, "data-active", String(active));
    this.#listMessage(`${all.length} ${message}`, () =>
      this.#message.replaceChildren(...breakable(withTitles(message, all, layers))),
    );
    this.#place.update(finding, all);
    this.#facts.update(finding);
    this.#updateConsequences(explained, all);
    this.#updateRemedies(finding, all);
  }

  #updateConsequences(explained: FindingInfo[], all: readonly LayerInfo[]): void {
    const lines = explained.map(({ symptom }) => {
      const known = this.#shownConsequences.get(symptom) ?? new Consequence(this.#actions);
      return [symptom, known] as const;
    });
    this.#shownConsequences = new Map(lines);
    explained.forEach((finding, i) => {
      lines[i]?.[1].update(finding, all);
    });
    this.#listConsequences(explained.map(({ symptom }) => symptom).join(), () => {
      const title = element("p", { text: "Seen because of this", "aria-hidden": "true" });
      this.#consequences.replaceChildren(title, ...lines.map(([, { node }]) => node));
    });
    setHidden(this.#consequences, lines.length === 0);
  }

  #updateRemedies(finding: FindingInfo, all: readonly LayerInfo[]): void {
    const { remedies } = finding;
    this.#listRemedies(JSON.stringify(remedies), () => {
      const { loop, outcome } = this.#actions;
      const titled = (text: string): string => withTitles(text, all, finding.layers);
      this.#shownRemedies = remedies.map(
        (remedy) => new Remedy(finding, remedy, loop, titled, outcome),
      );
      const [first, ...others] = this.#shownRemedies.map(({ node }) => node);
      this.#first.replaceChildren(...(first === undefined ? [] : [first]));
      this.#others.replaceChildren(...others);
      const more = others.length === 0 ? "" : `, and ${others.length} more to try`;
      setText(this.#why, `Why we say so${more}`);
    });
    for (const remedy of this.#shownRemedies) remedy.update(finding);
  }
}
