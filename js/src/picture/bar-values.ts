import type { TableRow } from "../derive/table.ts";
import type { MetricInfo } from "../protocol/messages.gen.ts";
import { element, setHidden, setText } from "../util/dom.ts";
import { place, type Scale } from "../util/scale.ts";
import type { Size } from "../util/sizes.ts";
import { valueText } from "./tooltip-lines.ts";

/** Rows and pixels with which there is room for values. */
const MOST_ROWS = 30;
const LEAST_WIDTH = 150;
/** Pixels that a value takes with the space before it. */
const TAKEN = 66;

/** The value of each row in figures behind its bar and its usual range, where there is room. */
export class BarValues {
  readonly node = element("div", { class: "gw-bar-values" });
  #values: HTMLElement[] = [];

  /**
   * `usualTo` gives where the usual range of a row ends, or null; `covered` is the row whose place
   * something else takes, negative for none.
   */
  update(
    rows: TableRow[],
    metric: MetricInfo,
    scale: Scale,
    size: Size,
    usualTo: (row: number) => number | null,
    covered: number,
  ): void {
    const isShown = rows.length <= MOST_ROWS && size.width >= LEAST_WIDTH;
    setHidden(this.node, !isShown);
    if (!isShown) return;
    if (rows.length !== this.#values.length) {
      this.#values = rows.map(() => element("b"));
      this.node.replaceChildren(...this.#values.map((value) => element("div", {}, value)));
    }
    rows.forEach(({ value }, i) => {
      const node = this.#values[i] as HTMLElement;
      const line = node.parentElement as HTMLElement;
      const isKnown = Number.isFinite(value) && i !== covered;
      setText(node, isKnown ? valueText(metric, value) : "");
      const bar = place(scale, value) || 0;
      const end = Math.max(bar, place(scale, usualTo(i) ?? value) || 0);
      const isInside = (1 - end) * size.width < TAKEN;
      line.classList.toggle("gw-inside", isInside);
      line.style.setProperty("--gw-end", `${(100 * (isInside ? bar : end)).toFixed(1)}%`);
    });
  }
}
