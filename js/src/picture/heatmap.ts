import { fillRow, pixelColumns } from "../derive/heatmap-cells.ts";
import type { Table } from "../derive/table.ts";
import { placeStep, type TimeAxis } from "../derive/time-axis.ts";
import { lookOf } from "../protocol/state-look.ts";
import type { Store } from "../state/store.ts";
import { element, setText } from "../util/dom.ts";
import { formatPower, formatShare, formatValue } from "../util/format.ts";
import { pixelOf, rampOf, rgbOf, stopsOf } from "../util/ramp.ts";
import { Rest } from "../util/redraw.ts";
import type { Scale } from "../util/scale.ts";

/** The share of the time that drawing may take: a large heatmap is drawn less often. */
const SHARE = 1 / 16;
const MARK_WIDTH = 2;

/** Each row's history: a canvas with one line of pixels per row, stretched to the rows' height. */
export class Heatmap {
  readonly canvas = element("canvas", { class: "gw-heatmap" });
  readonly legend: HTMLElement;
  readonly #low = element("span");
  readonly #high = element("span");
  readonly #rest = new Rest(SHARE);
  #shape = "";
  #version = 0;

  constructor() {
    this.legend = element("span", { class: "gw-legend" }, this.#low, element("i"), this.#high);
  }

  /**
   * Draws all rows, `width` pixels wide, if anything is new. It waits until the last drawing has
   * taken no more than its share of the time, unless the shape has changed.
   *
   * Returns the milliseconds to wait before it can draw; 0 where nothing is left to do.
   */
  update(table: Table, store: Store, axis: TimeAxis, width: number, scale: Scale): number {
    const height = table.rows.length;
    if (width === 0 || height === 0) return 0;
    const keys = table.rows.map(({ key }) => key).join();
    const shape = `${width} ${table.metric.name} ${store.generation} ${keys}`;
    if (shape === this.#shape) {
      if (store.version === this.#version) return 0;
      const { left } = this.#rest;
      if (left > 0) return left;
    }
    this.#shape = shape;
    this.#version = store.version;
    this.#rest.after(() => this.#draw(table, store, axis, scale, width));
    this.#label(scale);
    return 0;
  }

  /** To be called when colors have changed: the next update draws again. */
  invalidate(): void {
    this.#shape = "";
  }

  #draw(table: Table, store: Store, axis: TimeAxis, scale: Scale, width: number): void {
    const { canvas } = this;
    const { rows, metric } = table;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== rows.length) canvas.height = rows.length;
    const context = canvas.getContext("2d");
    if (context === null) return;
    const style = getComputedStyle(canvas);
    const ramp = rampOf(stopsOf(style.getPropertyValue("--gw-ramp")));
    const nonfinite = style.getPropertyValue(lookOf("non-finite").property).trim();
    const infinite = pixelOf(rgbOf(nonfinite));
    const image = context.createImageData(width, rows.length);
    const pixels = new Uint32Array(image.data.buffer);
    const columns = pixelColumns(store.samples, axis, width);
    const values = new Float32Array(width);
    const log = scale.kind === "log";
    const low = log ? Math.log10(scale.low) : scale.low;
    const high = log ? Math.log10(scale.high) : scale.high;
    rows.forEach(({ layers }, y) => {
      fillRow(values, store.samples, metric.name, layers, columns, log);
      for (let x = 0; x < width; x++) {
        const value = values[x] as number;
        if (Number.isNaN(value)) continue;
        const share = Math.round((255 * (value - low)) / (high - low));
        const color = ramp[Math.min(255, Math.max(0, share))] as number;
        pixels[y * width + x] = value === Number.POSITIVE_INFINITY ? infinite : color;
      }
    });
    context.putImageData(image, 0, 0);
    this.#mark(context, table, store, axis, style);
  }

  /** Marks where a finding begins, on the rows of its layers and in its color. */
  #mark(
    context: CanvasRenderingContext2D,
    table: Table,
    store: Store,
    axis: TimeAxis,
    style: CSSStyleDeclaration,
  ): void {
    for (const finding of store.findings) {
      const affected = new Set(finding.layers);
      const x = Math.round(placeStep(axis, finding.first_step) * context.canvas.width);
      context.fillStyle = style.getPropertyValue(lookOf(finding.state).property).trim();
      table.rows.forEach(({ layers }, y) => {
        const isAffected = layers.some((layer) => affected.has(store.layers[layer]?.name ?? ""));
        if (isAffected) context.fillRect(Math.max(0, x - MARK_WIDTH / 2), y, MARK_WIDTH, 1);
      });
    }
  }

  #label({ kind, low, high }: Scale): void {
    const text = (value: number): string => {
      if (kind === "log") return formatPower(Math.round(Math.log10(value)));
      return high === 1 ? formatShare(value) : formatValue(value);
    };
    setText(this.#low, text(low));
    setText(this.#high, text(high));
  }
}
