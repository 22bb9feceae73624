import type { ProblemInfo } from "../protocol/messages.gen.ts";
import { element, setText } from "../util/dom.ts";
import { formatCount } from "../util/format.ts";
import { memo } from "../util/redraw.ts";

/** Failures inside gradwidget that were contained, behind one line that opens. */
export class Problems {
  readonly node: HTMLElement;
  readonly #summary = element("summary");
  readonly #list = element("ul");
  readonly #redraw = memo<number>();

  constructor() {
    const parts = [this.#summary, this.#list];
    this.node = element("details", { class: "gw-below gw-problems", hidden: "" }, ...parts);
  }

  update(problems: ProblemInfo[]): void {
    this.#redraw(problems.length, () => {
      const count = problems.length;
      this.node.hidden = count === 0;
      setText(this.#summary, `${count} ${count === 1 ? "thing" : "things"} could not be watched`);
      this.#list.replaceChildren(...problems.map(itemOf));
    });
  }
}

function itemOf({ message, step, traceback }: ProblemInfo): HTMLElement {
  const text = `${message} (step ${formatCount(step)})`;
  const item = element("li", {}, element("span", { text }));
  if (traceback !== "") item.append(element("pre", { text: traceback, tabindex: "0" }));
  return item;
}
