import type { Bars } from "./bars.ts";
import { type Reading, readingAt } from "./reading.ts";
import type { Store } from "./store.ts";
import { element, setAttribute } from "./util/dom.ts";
import { LogDomain } from "./util/domain.ts";
import { formatCount, formatFigure } from "./util/format.ts";
import { lookOf } from "./util/states.ts";
import { Axis } from "./views/axis.ts";
import { Readout } from "./views/readout.ts";
import { Rows } from "./views/rows.ts";

const METRIC = "grad_rms";
const TITLE = "gradient RMS";

/** The rows of the picture: names, bars and all that shares a row with them, in one scrolling grid. */
export class Picture {
  readonly node: HTMLElement;
  readonly #store: Store;
  readonly #bars: Bars;
  readonly #rows = new Rows();
  readonly #axis = new Axis();
  readonly #readout = new Readout();
  readonly #drawing = element("div", { class: "gw-bars" });
  readonly #grid: HTMLElement;
  readonly #domain = new LogDomain();
  #reading: Reading = { values: new Float64Array(), steps: new Float64Array() };
  #pointer: { x: number; y: number } | null = null;

  constructor(store: Store, bars: Bars) {
    this.#store = store;
    this.#bars = bars;
    const head = element(
      "div",
      { class: "gw-head", "aria-hidden": "true" },
      element("span", { class: "gw-head-names", text: "input ↓ layer" }),
      element("span", { text: `${TITLE} (log)` }),
    );
    const plot = element("div", { class: "gw-plot", "aria-hidden": "true" }, this.#axis.lines, this.#drawing);
    const foot = element("div", { class: "gw-foot", "aria-hidden": "true" }, this.#axis.labels);
    this.#grid = element("div", { class: "gw-grid" }, head, this.#rows.node, plot, foot);
    const scroll = element("div", { class: "gw-scroll" }, this.#grid);
    this.node = element("div", { class: "gw-flow" }, scroll, this.#readout.node);
    this.node.addEventListener("pointermove", (event) => this.#point(event));
    this.node.addEventListener("pointerleave", () => this.#point(null));
  }

  /** Places the bars; to be called once the node is in the page. */
  async attach(): Promise<void> {
    await this.#bars.attach(this.#drawing);
    this.update();
  }

  update(): void {
    const { layers, states, samples } = this.#store;
    this.#reading = readingAt(samples, METRIC, samples.count - 1);
    const { values, steps } = this.#reading;
    this.node.style.setProperty("--gw-count", String(layers.length));
    setAttribute(this.#grid, "data-density", layers.length <= 24 ? "roomy" : layers.length <= 60 ? "medium" : "tight");
    this.#rows.update(
      layers.map(({ name, summary }, i) => ({
        name,
        summary,
        state: states[i] ?? "not measured",
        figure: `${TITLE} ${figureText(values[i])}`,
      })),
    );
    const scale = this.#domain.update(values);
    this.#bars.draw(
      values,
      states.map((state) => lookOf(state).colour),
      scale,
    );
    this.#axis.update(scale, this.#drawing.clientWidth);
    const newest = steps.reduce((most, step) => Math.max(most, Number.isNaN(step) ? -1 : step), -1);
    if (newest >= 0) setAttribute(this.#grid, "data-step", String(newest));
    this.#showReadout();
  }

  #point(event: PointerEvent | null): void {
    const box = this.node.getBoundingClientRect();
    this.#pointer = event === null ? null : { x: event.clientX - box.left, y: event.clientY - box.top };
    this.#showReadout();
  }

  #showReadout(): void {
    const { layers, states } = this.#store;
    const box = this.#rows.node.getBoundingClientRect();
    const y = this.#pointer === null ? -1 : this.#pointer.y + this.node.getBoundingClientRect().top - box.top;
    const row = y < 0 ? -1 : this.#rows.indexAt(y);
    const layer = layers[row];
    if (this.#pointer === null || layer === undefined) {
      this.#readout.hide();
      return;
    }
    const value = this.#reading.values[row];
    const step = this.#reading.steps[row] as number;
    const lines = [
      `${layer.name} · ${layer.summary}`,
      `${lookOf(states[row] ?? "").mark} ${states[row] ?? ""}`,
      `${TITLE} ${figureText(value)}${Number.isNaN(step) ? "" : ` at step ${formatCount(step)}`}`,
    ];
    this.#readout.show(lines, this.#pointer.x, this.#pointer.y, this.node);
  }
}

function figureText(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "not measured" : formatFigure(value);
}
