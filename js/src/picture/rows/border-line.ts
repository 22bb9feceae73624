import type { Border } from "../../derive/story/border.ts";
import { lookOf } from "../../protocol/state-look.ts";
import { element, setAttribute, setHidden, setText } from "../../util/dom.ts";

/** A dashed line between two rows, with what happens there beside it. */
export class BorderLine {
  readonly node = element("div", { class: "gw-border", "aria-hidden": "true", hidden: "" });
  readonly #words = element("span");

  constructor() {
    this.node.append(this.#words);
  }

  /** Draws it above a row; negative where there is no place for it. */
  update(border: Border | null, row: number): void {
    const isShown = border !== null && row >= 0;
    setHidden(this.node, !isShown);
    if (!isShown) return;
    setText(this.#words, border.words);
    setHidden(this.#words, border.words === "");
    // The words stand where bars are short: before the border of what vanishes.
    const isBelow = border.state === "exploding";
    setAttribute(this.node, "data-side", isBelow ? "below" : "above");
    this.node.style.setProperty("--gw-state", lookOf(border.state).color);
    this.node.style.setProperty("--gw-at", String(row));
  }
}
