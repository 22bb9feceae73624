import { fillRow, pixelColumns } from "../derive/heatmap-cells.ts";
import type { Table } from "../derive/table.ts";
import { placeStep, type Span } from "../derive/time-axis.ts";
import type { FindingInfo } from "../protocol/messages.gen.ts";
import type { Store } from "../state/store.ts";
import { element, setText } from "../util/dom.ts";
import { formatFigure, formatPower, formatShare } from "../util/format.ts";
import { pixelOf, rampOf, rgbOf } from "../util/ramp.ts";
import type { Scale } from "../util/scale.ts";
import { lookOf } from "../util/state-look.ts";

/** A drawing may take this share of the time; a large one is made less often. */
const SHARE = 1 / 8;
const MARK_WIDTH = 2;

/** Each row's history: a canvas with a pixel a row, stretched to the rows' height. */
export class Heat {
  readonly canvas = element("canvas", { class: "gw-heat" });
  readonly legend: HTMLElement;
  readonly #low = element("span");
  readonly #high = element("span");
  #restUntil = 0;
  #shape = "";
  #version = 0;

  constructor() {
    this.legend = element("span", { class: "gw-legend" }, this.#low, element("i"), this.#high);
  }

  /**
   * Draws all rows over the span, `width` pixels wide, where anything is new; put off while the last drawing is being
   * paid off, unless the shape changed. Returns the milliseconds until it can be drawn, 0 where nothing is left to do.
   */
  update(
    table: Table,
    store: Store,
    span: Span,
    width: number,
    scale: Scale,
    marked: FindingInfo[],
  ): number {
    const height = table.rows.length;
    if (width === 0 || height === 0) return 0;
    const shape = `${width} ${table.metric.name} ${store.generation} ${table.rows.map(({ key }) => key).join()}`;
    const began = performance.now();
    if (shape === this.#shape) {
      if (store.version === this.#version) return 0;
      if (began < this.#restUntil) return this.#restUntil - began;
    }
    this.#shape = shape;
    this.#version = store.version;
    this.#draw(table, store, span, scale, marked, width);
    const took = performance.now() - began;
    this.#restUntil = began + took / SHARE;
    this.#label(scale);
    return 0;
  }

  /** Colours have changed: the next update draws anew. */
  invalidate(): void {
    this.#shape = "";
  }

  #draw(
    table: Table,
    store: Store,
    span: Span,
    scale: Scale,
    marked: FindingInfo[],
    width: number,
  ): void {
    const { canvas } = this;
    const { rows, metric } = table;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== rows.length) canvas.height = rows.length;
    const context = canvas.getContext("2d");
    if (context === null) return;
    const style = getComputedStyle(canvas);
    const ramp = rampOf(style.getPropertyValue("--gw-ramp").trim().split(/\s+/));
    const infinite = pixelOf(rgbOf(style.getPropertyValue("--gw-nonfinite").trim()));
    const image = context.createImageData(width, rows.length);
    const pixels = new Uint32Array(image.data.buffer);
    const columns = pixelColumns(store.samples, span, width);
    const values = new Float32Array(width);
    const log = scale.kind === "log";
    const low = log ? Math.log10(scale.low) : scale.low;
    const high = log ? Math.log10(scale.high) : scale.high;
    rows.forEach(({ layers }, y) => {
      fillRow(values, store.samples, metric.name, layers, columns, log);
      for (let x = 0; x < width; x++) {
        const value = values[x] as number;
        if (Number.isNaN(value)) continue;
        const place = Math.min(255, Math.max(0, Math.round((255 * (value - low)) / (high - low))));
        pixels[y * width + x] =
          value === Number.POSITIVE_INFINITY ? infinite : (ramp[place] as number);
      }
    });
    context.putImageData(image, 0, 0);
    this.#mark(context, table, store, span, marked, style);
  }

  /** Where a finding of a layer begins, in the finding's colour. */
  #mark(
    context: CanvasRenderingContext2D,
    table: Table,
    store: Store,
    span: Span,
    marked: FindingInfo[],
    style: CSSStyleDeclaration,
  ): void {
    for (const finding of marked) {
      const affected = new Set(finding.layers);
      const x = Math.round(placeStep(span, finding.first_step) * context.canvas.width);
      context.fillStyle = style.getPropertyValue(lookOf(finding.state).property).trim();
      table.rows.forEach(({ layers }, y) => {
        const concerned = layers.some((layer) => affected.has(store.layers[layer]?.name ?? ""));
        if (concerned) context.fillRect(Math.max(0, x - MARK_WIDTH / 2), y, MARK_WIDTH, 1);
      });
    }
  }

  #label({ kind, low, high }: Scale): void {
    const text = (value: number): string => {
      if (kind === "log") return formatPower(Math.round(Math.log10(value)));
      return high === 1 ? formatShare(value) : formatFigure(value);
    };
    setText(this.#low, text(low));
    setText(this.#high, text(high));
  }
}
