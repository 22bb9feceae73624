import type { Bars } from "../bars/bars.ts";
import { Domains } from "../derive/axis-ranges.ts";
import { reasonsFor } from "../derive/reasons.ts";
import { type Table, type TableRow, tableOf } from "../derive/table.ts";
import type { MetricInfo } from "../protocol/messages.gen.ts";
import type { Store } from "../state/store.ts";
import type { Lens } from "../state/view-options.ts";
import { element, setAttribute } from "../util/dom.ts";
import { formatCount, formatFigure, formatShare } from "../util/format.ts";
import type { Sizes } from "../util/sizes.ts";
import { lookOf } from "../util/state-look.ts";
import { Axis } from "./axis.ts";
import { Bounds } from "./bounds.ts";
import { Heat } from "./heatmap.ts";
import { MetricMenu } from "./metric-menu.ts";
import { Ranges } from "./ranges.ts";
import { Rows } from "./rows.ts";
import { Timeline } from "./timeline.ts";
import { Readout } from "./tooltip.ts";

/** Rows up to which the picture is too low for anything to stand beside it. */
const LOW = 18;

/** Names, bars, heatmap and timeline: all that shares rows and columns, in one scrolling grid. */
export class Picture {
  readonly node: HTMLElement;
  readonly timeline: Timeline;
  readonly #store: Store;
  readonly #lens: Lens;
  readonly #bars: Bars;
  readonly #sizes: Sizes;
  readonly #rows: Rows;
  readonly #menu: MetricMenu;
  readonly #axis = new Axis();
  readonly #bounds = new Bounds();
  readonly #ranges = new Ranges();
  readonly #heat = new Heat();
  readonly #readout = new Readout();
  readonly #drawing = element("div", { class: "gw-bars" });
  readonly #grid: HTMLElement;
  readonly #domains = new Domains();
  #table: Table | null = null;
  #later: number | null = null;
  #pointer: { x: number; y: number } | null = null;

  constructor(store: Store, lens: Lens, bars: Bars, sizes: Sizes) {
    this.#store = store;
    this.#lens = lens;
    this.#bars = bars;
    this.#sizes = sizes;
    this.timeline = new Timeline(store, lens, sizes);
    this.#menu = new MetricMenu(lens);
    this.#rows = new Rows(sizes, {
      onOpen: (key) => lens.change({ opened: lens.look.opened === key ? null : key }),
      onToggle: (key, open) => lens.change({ groups: new Map(lens.look.groups).set(key, open) }),
    });
    const hidden = { "aria-hidden": "true" };
    const head = element(
      "div",
      { class: "gw-head" },
      element("span", { class: "gw-head-names", ...hidden, text: "input ↓ layer" }),
      element("span", { class: "gw-head-bars" }, this.#menu.node),
      element(
        "span",
        { class: "gw-head-heat", ...hidden },
        element("span", { text: "over the steps" }),
        this.#heat.legend,
      ),
    );
    const plot = element("div", { class: "gw-plot", ...hidden }, this.#axis.lines, this.#drawing);
    plot.append(this.#ranges.node, this.#bounds.node);
    const heat = element("div", { class: "gw-heat-cell", ...hidden }, this.#heat.canvas);
    const foot = element(
      "div",
      { class: "gw-foot" },
      element("div", { class: "gw-axis-cell", ...hidden }, this.#axis.labels),
      this.timeline.labels,
      this.timeline.node,
    );
    const across = element("div", { class: "gw-across" }, this.timeline.line);
    this.#grid = element(
      "div",
      { class: "gw-grid" },
      head,
      this.#rows.node,
      plot,
      heat,
      foot,
      across,
    );
    const scroll = element("div", { class: "gw-scroll" }, this.#grid);
    scroll.addEventListener("scroll", () => this.#showReadout());
    this.node = element("div", { class: "gw-flow" }, scroll, this.#readout.node);
    this.timeline.dragFrom(heat);
    this.node.addEventListener("pointermove", (event) => this.#point(event));
    this.node.addEventListener("pointerleave", () => this.#point(null));
  }

  /** Places the bars; to be called once the node is in the page. */
  async attach(): Promise<void> {
    await this.#bars.attach(this.#drawing);
    this.update();
  }

  /** Whether there is more room below the rows than beside them. */
  get isLow(): boolean {
    return (this.#table?.rows.length ?? 0) <= LOW;
  }

  /** Brings a layer's row into sight. */
  reveal(layer: string): void {
    this.#rows.reveal(layer);
  }

  /** Colours have changed: the next update draws the heatmap anew. */
  recolour(): void {
    this.#heat.invalidate();
  }

  update(): void {
    const table = tableOf(this.#store, this.#lens);
    const { rows, metric } = table;
    const { opened, highlighted } = this.#lens.look;
    this.#table = table;
    this.node.style.setProperty("--gw-count", String(rows.length));
    setAttribute(
      this.#grid,
      "data-density",
      rows.length <= 24 ? "roomy" : rows.length <= 64 ? "medium" : "tight",
    );
    if (table.step !== null) setAttribute(this.#grid, "data-step", String(table.step));
    this.#menu.update(this.#store.metrics, metric);
    this.#rows.update(
      rows,
      rows.map((row) => figureWords(metric, row.value)),
      opened,
      highlighted,
    );
    this.timeline.update();
    const values = rows.map((row) => row.value);
    const scale = this.#domains.bars(metric, values);
    this.#bars.draw(
      values,
      rows.map((row) => lookOf(row.state).colour),
      scale,
    );
    const size = this.#sizes.of(this.#drawing);
    this.#axis.update(scale, size.width);
    this.#bounds.update(table.bounds, scale);
    this.#ranges.update(rows, this.#store, metric.name, scale, size);
    const wait = this.#heat.update(
      table,
      this.#store,
      this.timeline.span,
      this.#sizes.of(this.#heat.canvas).width,
      this.#domains.heat(metric, this.#store),
      this.#store.findings,
    );
    // The last message of a run may have come while the heatmap rested.
    if (wait > 0) this.#later ??= window.setTimeout(() => this.#again(), wait);
    this.#showReadout();
  }

  #again(): void {
    this.#later = null;
    if (this.node.isConnected) this.update();
  }

  #point(event: PointerEvent | null): void {
    const box = this.node.getBoundingClientRect();
    this.#pointer =
      event === null ? null : { x: event.clientX - box.left, y: event.clientY - box.top };
    this.#showReadout();
  }

  #showReadout(): void {
    const table = this.#table;
    if (this.#pointer === null || table === null) {
      this.#readout.hide();
      return;
    }
    const offset =
      this.node.getBoundingClientRect().top - this.#rows.node.getBoundingClientRect().top;
    const at = this.#rows.indexAt(this.#pointer.y + offset);
    const row = table.rows[at];
    const overFoot =
      this.timeline.node.getBoundingClientRect().top - this.node.getBoundingClientRect().top - 24;
    if (row === undefined || this.#pointer.y > overFoot) {
      this.#readout.hide();
      return;
    }
    this.#readout.show(this.#words(row, at, table), this.#pointer.x, this.#pointer.y, this.node);
  }

  #words(row: TableRow, at: number, { metric, bounds }: Table): string[] {
    const look = lookOf(row.state);
    const when = Number.isNaN(row.step) ? "" : ` at step ${formatCount(row.step)}`;
    const lines = [
      `${row.key} · ${row.summary}`,
      `${look.mark} ${look.word}`,
      figureWords(metric, row.value) + when,
    ];
    const range = this.#ranges.of(at);
    if (range !== null)
      lines.push(`usually ${range.map((value) => figure(metric, value)).join(" … ")}`);
    for (const { value, means } of bounds) lines.push(`┊ limit ${figure(metric, value)}: ${means}`);
    const names = new Set(row.layers.map((layer) => this.#store.layers[layer]?.name ?? ""));
    if (this.#lens.look.cursor === null) lines.push(...reasonsFor([...names], this.#store.reasons));
    const finding = this.#store.findings.find(
      ({ layers, active }) => active && layers.some((name) => names.has(name)),
    );
    if (finding !== undefined)
      lines.push(`${finding.title} since step ${formatCount(finding.first_step)}`);
    return lines;
  }
}

function figure(metric: MetricInfo, value: number): string {
  return metric.scale === "share" ? formatShare(value) : formatFigure(value);
}

function figureWords(metric: MetricInfo, value: number): string {
  if (Number.isNaN(value)) return `${metric.title} not measured`;
  return `${metric.title} ${Number.isFinite(value) ? figure(metric, value) : "not finite"}`;
}
