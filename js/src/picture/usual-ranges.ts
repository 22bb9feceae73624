import type { TableRow } from "../derive/table.ts";
import { usualRange } from "../derive/usual-range.ts";
import type { Store } from "../state/store.ts";
import { setAttribute } from "../util/dom.ts";
import { place, type Scale } from "../util/scale.ts";
import type { Size } from "../util/sizes.ts";
import { svgElement } from "../util/svg.ts";

/** Milliseconds for which the ranges are reused at least. */
const KEPT = 1000;

/** The usual range of each layer over the run, a thin line on its bar. */
export class UsualRanges {
  readonly node = svgElement("svg");
  /** Whether any usual range is in sight. */
  hasAny = false;
  readonly #path = svgElement("path");
  #ranges: ([number, number] | null)[] = [];
  #until = 0;
  #shape = "";
  #version = 0;

  constructor() {
    this.node.setAttribute("class", "gw-usual-ranges");
    this.node.append(this.#path);
  }

  update(rows: TableRow[], store: Store, metric: string, scale: Scale, size: Size): void {
    this.#compute(rows, store, metric);
    const { width, height } = size;
    if (width === 0) return;
    const row = height / Math.max(1, rows.length);
    const path = this.#ranges.map((range, i) => {
      // A bar that is full since its value is not finite has no place on the axis to compare.
      if (range === null || rows[i]?.value === Number.POSITIVE_INFINITY) return "";
      const [from, to] = range.map((value) => (place(scale, value) * width).toFixed(1));
      return `M${from} ${((i + 0.5) * row).toFixed(1)}H${to}`;
    });
    const line = path.join("");
    this.hasAny = line !== "";
    setAttribute(this.#path, "d", line);
  }

  /** The usual range of a row; null for a group, and where there are too few samples. */
  of(row: number): [number, number] | null {
    return this.#ranges[row] ?? null;
  }

  #compute(rows: TableRow[], { samples, version }: Store, metric: string): void {
    const shape = `${metric} ${rows.map(({ key }) => key).join()}`;
    const now = performance.now();
    const isStale = version !== this.#version && now > this.#until;
    if (shape === this.#shape && !isStale) return;
    this.#shape = shape;
    this.#version = version;
    this.#until = now + KEPT;
    this.#ranges = rows.map(({ layers: [layer, ...others] }) =>
      layer === undefined || others.length > 0 ? null : usualRange(samples, metric, layer),
    );
  }
}
