import type { Bars } from "../bars/bars.ts";
import { AxisRanges } from "../derive/axis-ranges.ts";
import { pointedAt } from "../derive/story/lead.ts";
import { statesAt } from "../derive/story/states-at.ts";
import { type Table, type TableRow, tableOf } from "../derive/table.ts";
import { lookOf } from "../protocol/state-look.ts";
import type { Store } from "../state/store.ts";
import type { ViewOptions } from "../state/view-options.ts";
import { element, setAttribute } from "../util/dom.ts";
import type { Sizes } from "../util/sizes.ts";
import { BoundLines } from "./bound-lines.ts";
import { Heatmap } from "./heatmap.ts";
import { MetricMenu } from "./metric-menu.ts";
import { Minimap } from "./minimap.ts";
import { Rows } from "./rows.ts";
import { Timeline } from "./timeline.ts";
import { Tooltip } from "./tooltip.ts";
import { metricText, tooltipLines } from "./tooltip-lines.ts";
import { UsualRanges } from "./usual-ranges.ts";
import { ValueAxis } from "./value-axis.ts";

/** Up to this many rows the picture is too low for anything to fit beside it. */
const LOW = 8;
/** Up to these numbers of rows they are high, then of medium height. */
const ROOMY = 18;
const MEDIUM = 64;
/** From more rows than this on the whole network is shown beside them. */
const IN_SIGHT = 40;
/** Pixels above the timeline in which the axis under the bars is, where there is no tooltip. */
const AXIS_HEIGHT = 24;
/** Pixels above and below the contents of head and foot together. */
const PADDING = 21;

/** Names, bars, heatmap and timeline, which share rows and columns, in one scrolling grid. */
export class Picture {
  readonly node: HTMLElement;
  readonly timeline: Timeline;
  readonly #store: Store;
  readonly #options: ViewOptions;
  readonly #bars: Bars;
  readonly #sizes: Sizes;
  readonly #rows: Rows;
  readonly #menu: MetricMenu;
  readonly #axis = new ValueAxis();
  readonly #bounds = new BoundLines();
  readonly #usual = new UsualRanges();
  readonly #heatmap = new Heatmap();
  readonly #tooltip = new Tooltip();
  readonly #minimap = new Minimap((layer) => this.#jump(layer));
  readonly #barArea = element("div", { class: "gw-bars" });
  readonly #grid: HTMLElement;
  readonly #head: HTMLElement;
  readonly #foot: HTMLElement;
  readonly #scroll: HTMLElement;
  readonly #ranges = new AxisRanges();
  #table: Table | null = null;
  /** Pixels that the rows are scrolled by: to ask the page each time would force a new layout. */
  #scrolled = 0;
  #timer: number | null = null;
  #pointer: { x: number; y: number } | null = null;

  constructor(store: Store, options: ViewOptions, bars: Bars, sizes: Sizes) {
    this.#store = store;
    this.#options = options;
    this.#bars = bars;
    this.#sizes = sizes;
    this.timeline = new Timeline(store, options, sizes);
    this.#menu = new MetricMenu(options);
    this.#rows = new Rows(sizes, {
      onOpen: (key) => options.change({ opened: options.choices.opened === key ? null : key }),
      onToggle: (key, open) =>
        options.change({ groups: new Map(options.choices.groups).set(key, open) }),
    });
    const hidden = { "aria-hidden": "true" };
    const heatmapCell = element(
      "div",
      { class: "gw-heatmap-cell", ...hidden },
      this.#heatmap.canvas,
    );
    this.#head = this.#newHead();
    this.#foot = this.#newFoot();
    this.#grid = element(
      "div",
      { class: "gw-grid" },
      this.#head,
      this.#rows.node,
      element(
        "div",
        { class: "gw-plot", ...hidden },
        this.#axis.lines,
        this.#barArea,
        this.#usual.node,
        this.#bounds.node,
      ),
      heatmapCell,
      this.#foot,
      element("div", { class: "gw-cursor-layer" }, this.timeline.cursorLine),
    );
    this.#scroll = element("div", { class: "gw-scroll" }, this.#grid);
    this.#scroll.addEventListener("scroll", () => {
      this.#scrolled = this.#scroll.scrollTop;
      this.#updateTooltip();
      if (this.#table !== null) this.#updateMinimap(this.#table);
    });
    this.node = element(
      "div",
      { class: "gw-picture" },
      this.#scroll,
      this.#minimap.node,
      this.#tooltip.node,
    );
    this.timeline.dragFrom(heatmapCell);
    this.node.addEventListener("pointermove", (event) => this.#point(event));
    this.node.addEventListener("pointerleave", () => this.#point(null));
  }

  #newHead(): HTMLElement {
    const hidden = { "aria-hidden": "true" };
    return element(
      "div",
      { class: "gw-head" },
      element("span", { class: "gw-head-names", ...hidden, text: "input ↓ layer" }),
      element("span", { class: "gw-head-bars" }, this.#menu.node),
      element(
        "span",
        { class: "gw-head-heatmap", ...hidden },
        element("span", { text: "over the steps" }),
        this.#heatmap.legend,
      ),
    );
  }

  #newFoot(): HTMLElement {
    return element(
      "div",
      { class: "gw-foot" },
      element("div", { class: "gw-value-axis-cell", "aria-hidden": "true" }, this.#axis.labels),
      this.timeline.labels,
      this.timeline.node,
    );
  }

  /** Adds the bars; to be called once the node is in the page. */
  attach(): void {
    this.#bars.attach(this.#barArea);
  }

  /** Whether there is more room below the rows than beside them. */
  get isLow(): boolean {
    return (this.#table?.rows.length ?? 0) <= LOW;
  }

  /** Scrolls to a layer's row. */
  reveal(layer: string): void {
    this.#rows.reveal(layer);
  }

  /** To be called when colors have changed: the next update draws the heatmap again. */
  invalidateColors(): void {
    this.#heatmap.invalidate();
  }

  update(): void {
    const table = tableOf(this.#store, this.#options);
    this.#table = table;
    const { rows, metric } = table;
    const { opened, pointed } = this.#options.choices;
    const density = rows.length <= ROOMY ? "roomy" : rows.length <= MEDIUM ? "medium" : "tight";
    this.node.style.setProperty("--gw-count", String(rows.length));
    setAttribute(this.#grid, "data-density", density);
    if (table.step !== null) setAttribute(this.#grid, "data-step", String(table.step));
    this.#menu.update(this.#store.metrics, metric);
    const texts = rows.map((row) => metricText(metric, row.value));
    this.#rows.update(rows, texts, opened, pointedAt(this.#store, pointed));
    this.timeline.update();
    this.#updateBars(table);
    this.#updateHeatmap(table);
    this.#updateMinimap(table);
    this.#updateTooltip();
  }

  #updateBars({ rows, metric, bounds }: Table): void {
    const values = rows.map((row) => row.value);
    const colors = rows.map(({ tone, dimmed }) => barColor(lookOf(tone).color, dimmed));
    const scale = this.#ranges.bars(metric, values);
    const size = this.#sizes.of(this.#barArea);
    this.#bars.draw(values, colors, scale);
    this.#axis.update(scale, size.width);
    this.#bounds.update(bounds, scale);
    this.#usual.update(rows, this.#store, metric.name, scale, size);
  }

  #updateHeatmap(table: Table): void {
    const { width } = this.#sizes.of(this.#heatmap.canvas);
    const scale = this.#ranges.heatmap(table.metric, this.#store);
    const wait = this.#heatmap.update(table, this.#store, this.timeline.axis, width, scale);
    // The last message of a run may have come while the heatmap was not drawn.
    if (wait > 0) this.#timer ??= window.setTimeout(() => this.#again(), wait);
  }

  #updateMinimap({ rows }: Table): void {
    const [head, foot] = [this.#head, this.#foot].map((part) => this.#sizes.of(part).height);
    const { height } = this.#sizes.of(this.#scroll);
    const room = height - (head ?? 0) - (foot ?? 0) - PADDING;
    const isShown = rows.length > IN_SIGHT && height > 0;
    const states = isShown ? statesAt(this.#store, this.#options.choices.cursor) : [];
    this.#minimap.update(states, isShown ? room : 0);
    if (!isShown) return;
    const each = this.#sizes.of(this.#rows.node).height / rows.length;
    const rowAt = (y: number): TableRow | undefined =>
      rows[Math.min(rows.length - 1, Math.floor((this.#scrolled + y) / each))];
    const [first, last] = [rowAt(0), rowAt(room - 1)];
    // Below the row of an open group are its members, of which none is in sight.
    const end = last?.layers.at(last.open === true ? 0 : -1) ?? 0;
    this.#minimap.frame({ from: first?.layers[0] ?? 0, to: end + 1 });
  }

  /** Brings the row of a layer, or that of the closed group that it is in, to the middle. */
  #jump(layer: number): void {
    const rows = this.#table?.rows ?? [];
    const row = rows.findLastIndex(({ layers }) => layers.includes(layer));
    const each = this.#rows.node.clientHeight / Math.max(1, rows.length);
    this.#scroll.scrollTop = (row + 0.5) * each - this.#minimap.node.clientHeight / 2;
  }

  #again(): void {
    this.#timer = null;
    if (this.node.isConnected) this.update();
  }

  #point(event: PointerEvent | null): void {
    const box = this.node.getBoundingClientRect();
    this.#pointer =
      event === null ? null : { x: event.clientX - box.left, y: event.clientY - box.top };
    this.#updateTooltip();
  }

  #updateTooltip(): void {
    if (this.#pointer === null || this.#table === null) {
      this.#tooltip.hide();
      return;
    }
    const { x, y } = this.#pointer;
    const { top } = this.node.getBoundingClientRect();
    const index = this.#rows.indexAt(y + top - this.#rows.node.getBoundingClientRect().top);
    const row = this.#table.rows[index];
    const foot = this.timeline.node.getBoundingClientRect().top - top - AXIS_HEIGHT;
    if (row === undefined || y > foot) {
      this.#tooltip.hide();
      return;
    }
    const { cursor } = this.#options.choices;
    const usual = this.#usual.of(index);
    const lines = tooltipLines(row, this.#table, this.#store, usual, cursor);
    this.#tooltip.show(lines, x, y, this.node);
  }
}

/** A color, or what is left of it in a bar that stands back. */
function barColor(color: string, dimmed: boolean): string {
  return dimmed ? `color-mix(in srgb, ${color} 40%, var(--gw-bg))` : color;
}
