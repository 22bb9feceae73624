import type { ProblemInfo } from "../protocol/messages.gen.ts";
import { element, setText } from "../util/dom.ts";
import { formatCount } from "../util/format.ts";

/** Failures inside gradwidget that were contained: one quiet line that opens. */
export class Problems {
  readonly node: HTMLElement;
  readonly #summary = element("summary");
  readonly #list = element("ul");
  #shown = 0;

  constructor() {
    this.node = element("details", { class: "gw-problems", hidden: "" }, this.#summary, this.#list);
  }

  update(problems: ProblemInfo[]): void {
    if (problems.length === this.#shown) return;
    this.#shown = problems.length;
    this.node.hidden = problems.length === 0;
    setText(
      this.#summary,
      problems.length === 1
        ? "1 thing could not be watched"
        : `${problems.length} things could not be watched`,
    );
    this.#list.replaceChildren(
      ...problems.map(({ message, step, traceback }) => {
        const item = element(
          "li",
          {},
          element("span", { text: `${message} (step ${formatCount(step)})` }),
        );
        if (traceback !== "") item.append(element("pre", { text: traceback, tabindex: "0" }));
        return item;
      }),
    );
  }
}
