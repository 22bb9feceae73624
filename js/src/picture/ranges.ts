import type { TableRow } from "../derive/table.ts";
import type { Columns } from "../state/columns.ts";
import type { Store } from "../state/store.ts";
import { setAttribute } from "../util/dom.ts";
import { place, type Scale } from "../util/scale.ts";
import type { Size } from "../util/sizes.ts";
import { SVG } from "../util/svg.ts";

/** A layer's usual range leaves out a tenth of its samples at either end. */
const LEFT_OUT = 0.1;
/** Samples looked at, and fewest that make a range. */
const LOOKED_AT = 200;
const FEWEST = 8;
/** Milliseconds after which the ranges are worked out again, where there is anything new. */
const KEPT = 1000;

/** Each row's usual range over the run, a thin line on its bar. */
export class Ranges {
  readonly node = document.createElementNS(SVG, "svg");
  readonly #path = document.createElementNS(SVG, "path");
  #ranges: ([number, number] | null)[] = [];
  #until = 0;
  #of = "";
  #version = 0;

  constructor() {
    this.node.setAttribute("class", "gw-ranges");
    this.node.append(this.#path);
  }

  update(
    rows: TableRow[],
    { samples, version }: Store,
    metric: string,
    scale: Scale,
    { width, height }: Size,
  ): void {
    const of = `${metric} ${rows.map(({ key }) => key).join()}`;
    const now = performance.now();
    if (of !== this.#of || (version !== this.#version && now > this.#until)) {
      this.#of = of;
      this.#version = version;
      this.#until = now + KEPT;
      this.#ranges = rows.map(({ layers }) => usualRange(samples, metric, layers));
    }
    if (width === 0) return;
    const row = height / Math.max(1, rows.length);
    const path = this.#ranges.map((range, i) => {
      if (range === null) return "";
      const [from, to] = range.map((value) => (place(scale, value) * width).toFixed(1)) as [
        string,
        string,
      ];
      return `M${from} ${((i + 0.5) * row).toFixed(1)}H${to}`;
    });
    setAttribute(this.#path, "d", path.join(""));
  }

  /** The usual range of a row; null where there are too few samples. */
  of(row: number): [number, number] | null {
    return this.#ranges[row] ?? null;
  }
}

function usualRange(columns: Columns, metric: string, layers: number[]): [number, number] | null {
  const [layer] = layers;
  const track = columns.track(metric);
  if (track === undefined || layer === undefined || layers.length > 1) return null;
  const stride = Math.max(1, Math.floor(columns.count / LOOKED_AT));
  const values: number[] = [];
  for (let column = 0; column < columns.count; column += stride) {
    const value = track.value[column * columns.width + layer] as number;
    if (!Number.isNaN(value)) values.push(value);
  }
  if (values.length < FEWEST) return null;
  values.sort((a, b) => a - b);
  const cut = Math.floor(values.length * LEFT_OUT);
  return [values[cut] as number, values[values.length - 1 - cut] as number];
}
