import { withTitles } from "../../derive/story/message-words.ts";
import type { FindingInfo, LayerInfo } from "../../protocol/messages.gen.ts";
import { lookOf } from "../../protocol/state-look.ts";
import { breakable } from "../../util/breakable.ts";
import { element, setAttribute, setText } from "../../util/dom.ts";
import { formatCount } from "../../util/format.ts";
import { memo } from "../../util/redraw.ts";
import { Explanation } from "./explanation.ts";
import { FindingPlace, type PlaceActions } from "./finding-place.ts";

/** A finding that another one explains: one line, which opens to where it is and what it means. */
export class Consequence {
  readonly node = element("details", { class: "gw-consequence" });
  readonly #mark = element("span", { class: "gw-mark", "aria-hidden": "true" });
  readonly #title = element("b");
  readonly #words = element("span");
  readonly #explanation = new Explanation();
  readonly #message = element("p");
  readonly #place: FindingPlace;
  readonly #write = memo<string>();
  #finding: FindingInfo | null = null;

  constructor(actions: PlaceActions) {
    this.#place = new FindingPlace(actions);
    const line = element("span", {}, this.#title, this.#words);
    const summary = element("summary", {}, line, this.#mark);
    this.#place.node.append(" ", this.#explanation.button);
    this.node.append(summary, this.#message, this.#place.node, this.#explanation.panel);
    this.node.addEventListener("toggle", () => {
      if (this.node.open && this.#finding !== null) actions.onShow(this.#finding, null);
    });
  }

  update(finding: FindingInfo, all: readonly LayerInfo[]): void {
    this.#finding = finding;
    const look = lookOf(finding.state);
    setText(this.#mark, look.mark);
    setText(this.#title, finding.title);
    this.#explanation.update(finding.symptom, finding.title);
    setText(this.#words, wordsOf(finding));
    setAttribute(this.node, "data-symptom", finding.symptom);
    this.node.style.setProperty("--gw-state", look.color);
    const { message, layers } = finding;
    this.#write(`${all.length} ${message}`, () =>
      this.#message.replaceChildren(...breakable(withTitles(message, all, layers))),
    );
    this.#place.update(finding, all);
  }
}

/** In how many layers, where it is in layers at all, and since when. */
function wordsOf({ symptom, state, layers, first_step }: FindingInfo): string {
  // A loss may have become NaN because of a layer, but it is in none.
  const count = state === "general" || symptom === "loss_nonfinite" ? 0 : layers.length;
  const where = count === 0 ? "" : ` in ${formatCount(count)} layer${count === 1 ? "" : "s"}`;
  return `${where}, since step ${formatCount(first_step)}`;
}
