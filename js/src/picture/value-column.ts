import type { TableRow } from "../derive/table.ts";
import type { MetricInfo } from "../protocol/messages.gen.ts";
import { element, setText } from "../util/dom.ts";
import { valueText } from "./tooltip-lines.ts";

/** Rows up to which there is room for values. */
const MOST_ROWS = 30;

/** The value of each row in figures, in a column of its own beside the bars. */
export class ValueColumn {
  readonly node = element("div", { class: "gw-value-column", "aria-hidden": "true" });
  #values: HTMLElement[] = [];

  /** Returns whether there is room for values. */
  update(rows: TableRow[], metric: MetricInfo): boolean {
    const isShown = rows.length <= MOST_ROWS;
    if (!isShown) return false;
    if (rows.length !== this.#values.length) {
      this.#values = rows.map(() => element("div"));
      this.node.replaceChildren(...this.#values);
    }
    rows.forEach(({ value }, i) => {
      const text = Number.isFinite(value) ? valueText(metric, value) : "";
      setText(this.#values[i] as HTMLElement, text);
    });
    return true;
  }
}
