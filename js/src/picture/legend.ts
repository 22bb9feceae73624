import type { Table } from "../derive/table.ts";
import { element, setHidden, setText } from "../util/dom.ts";
import { formatCount } from "../util/format.ts";

/** What the bars show: of which step they are, and what the lines on them mean. */
export class Legend {
  readonly node: HTMLElement;
  readonly #step = element("div");
  readonly #limit = keyOf("gw-key-limit", "limit");
  readonly #usual = keyOf("gw-key-usual", "usual range");
  readonly #group = element("div", { text: "a group: the mean of its layers" });

  constructor() {
    const lines = element("div", {}, this.#limit, this.#usual);
    this.node = element("div", { class: "gw-foot-legend" }, this.#step, lines, this.#group);
  }

  /** `newest` is the step that the run has reached, or the one travelled to; null before any. */
  update({ rows, bounds, step }: Table, newest: number | null, hasUsual: boolean): void {
    setText(this.#step, step === null ? "" : stepWords(step, newest ?? step));
    setHidden(this.#limit, bounds.length === 0);
    setHidden(this.#usual, !hasUsual);
    setHidden(this.#group, !rows.some(({ open }) => open !== undefined));
  }
}

function stepWords(step: number, newest: number): string {
  const ago = newest - step;
  const measured = `bars: step ${formatCount(step)}`;
  if (ago <= 0) return measured;
  return `${measured}, ${ago === 1 ? "a step" : `${formatCount(ago)} steps`} ago`;
}

/** A sample of a line, and what it means. */
function keyOf(line: string, text: string): HTMLElement {
  const sample = element("i", { class: line, "aria-hidden": "true" });
  return element("span", {}, sample, element("span", { text }));
}
