import type { Bars } from "../bars/bars.ts";
import { AxisRanges } from "../derive/axis-ranges.ts";
import { groupsAround } from "../derive/grouping.ts";
import { type Border, borderOf } from "../derive/story/border.ts";
import { keyOf, leadOf, pointedAt } from "../derive/story/lead.ts";
import { statesAt } from "../derive/story/states-at.ts";
import { type Table, type TableRow, tableOf } from "../derive/table.ts";
import { lookOf } from "../protocol/state-look.ts";
import type { Store } from "../state/store.ts";
import type { ViewOptions } from "../state/view-options.ts";
import { element, setAttribute } from "../util/dom.ts";
import { isCommand } from "../util/own-keys.ts";
import type { Sizes } from "../util/sizes.ts";
import { BoundLines } from "./bound-lines.ts";
import { Heatmap } from "./heatmap.ts";
import { Legend } from "./legend.ts";
import { MetricMenu } from "./metric-menu.ts";
import { Minimap } from "./minimap.ts";
import { BorderLine } from "./rows/border-line.ts";
import { NextPlace } from "./rows/next-place.ts";
import { Rows } from "./rows/rows.ts";
import { Search } from "./rows/search.ts";
import { Sight } from "./rows/sight.ts";
import { Timeline } from "./timeline.ts";
import { Tooltip } from "./tooltip.ts";
import { metricText, tooltipLines } from "./tooltip-lines.ts";
import { UsualRanges } from "./usual-ranges.ts";
import { ValueAxis } from "./value-axis.ts";
import { ValueColumn } from "./value-column.ts";

/** Up to this many rows the picture is too low for anything to fit beside it. */
const LOW = 8;
/** Up to these numbers of rows they are high, then of medium height. */
const ROOMY = 18;
const MEDIUM = 64;
/** Pixels above the timeline in which the axis under the bars is, where there is no tooltip. */
const AXIS_HEIGHT = 24;

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
  readonly #valueColumn = new ValueColumn();
  readonly #heatmap = new Heatmap();
  readonly #legend = new Legend();
  readonly #tooltip = new Tooltip();
  readonly #minimap = new Minimap((layer) => this.#center(this.#rowOf(layer) + 0.5));
  readonly #border = new BorderLine();
  readonly #search: Search;
  readonly #barArea = element("div", { class: "gw-bars" });
  readonly #grid: HTMLElement;
  readonly #sight: Sight;
  readonly #places: NextPlace;
  readonly #ranges = new AxisRanges();
  #table: Table | null = null;
  #timer: number | null = null;
  #pointer: { x: number; y: number } | null = null;

  constructor(store: Store, options: ViewOptions, bars: Bars, sizes: Sizes) {
    this.#store = store;
    this.#options = options;
    this.#bars = bars;
    this.#sizes = sizes;
    this.timeline = new Timeline(store, options, sizes);
    this.#menu = new MetricMenu(options);
    this.#places = new NextPlace(store, options);
    this.#search = new Search(options, (layer) => this.#rows.focus(layer));
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
    const [head, foot] = [this.#newHead(), this.#newFoot()];
    this.#grid = element(
      "div",
      { class: "gw-grid" },
      head,
      this.#rows.node,
      element(
        "div",
        { class: "gw-plot", ...hidden },
        this.#axis.lines,
        this.#barArea,
        this.#usual.node,
        this.#bounds.node,
      ),
      this.#valueColumn.node,
      heatmapCell,
      foot,
      this.#border.node,
      element("div", { class: "gw-cursor-layer" }, this.timeline.cursorLine),
    );
    const scroll = element("div", { class: "gw-scroll" }, this.#grid);
    this.#sight = new Sight(scroll, [head, foot], sizes, () => {
      this.#updateTooltip();
      if (this.#table !== null) this.#updateMinimap(this.#table);
    });
    const parts = [scroll, this.#minimap.node, this.#tooltip.node];
    this.node = element("div", { class: "gw-picture" }, ...parts);
    this.timeline.dragFrom(heatmapCell);
    this.node.addEventListener("pointermove", (event) => this.#point(event));
    this.node.addEventListener("pointerleave", () => this.#point(null));
  }

  #newHead(): HTMLElement {
    const hidden = { "aria-hidden": "true" };
    return element(
      "div",
      { class: "gw-head" },
      element(
        "span",
        { class: "gw-head-names" },
        element("span", { ...hidden, text: "input ↓ layer" }),
        this.#search.node,
      ),
      element("span", { class: "gw-head-bars" }, this.#menu.node),
      element(
        "span",
        { class: "gw-head-heatmap", ...hidden },
        this.#heatmap.legend,
        element("span", { text: "over the steps" }),
      ),
    );
  }

  #newFoot(): HTMLElement {
    return element(
      "div",
      { class: "gw-foot" },
      element("div", { class: "gw-value-axis-cell", "aria-hidden": "true" }, this.#axis.labels),
      this.timeline.labels,
      this.#legend.node,
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

  /** Lets "/" begin a search while anything in `area` has the focus. */
  listenToKeys(area: HTMLElement): void {
    area.addEventListener("keydown", (event) => {
      if (event.key !== "/" || !isCommand(event)) return;
      event.preventDefault();
      this.#search.focus();
    });
  }

  /** Brings a layer's row in sight, or that of the closed group that it is in. */
  reveal(name: string): void {
    this.#places.wanted = this.#places.at(name);
  }

  /** Opens the groups at a border and brings it to the middle. */
  revealBorder({ above }: Border): void {
    const names = this.#store.layers.map(({ name }) => name);
    const around = [above, above + 1].flatMap((layer) => groupsAround(names, layer));
    const opened = around.map((key) => [key, true] as const);
    this.#places.wanted = { layer: above, isBorder: true };
    this.#options.change({ groups: new Map([...this.#options.choices.groups, ...opened]) });
  }

  /** To be called when colors have changed: the next update draws the heatmap again. */
  invalidateColors(): void {
    this.#heatmap.invalidate();
  }

  update(): void {
    const table = tableOf(this.#store, this.#options);
    this.#table = table;
    const { rows, metric } = table;
    const { opened, pointed, search, found } = this.#options.choices;
    const density = rows.length <= ROOMY ? "roomy" : rows.length <= MEDIUM ? "medium" : "tight";
    this.node.style.setProperty("--gw-count", String(rows.length));
    setAttribute(this.node, "data-density", density);
    this.node.style.setProperty("--gw-edges", `${this.#sight.edges}px`);
    if (table.step !== null) setAttribute(this.#grid, "data-step", String(table.step));
    this.#menu.update(this.#store.metrics, metric);
    const texts = rows.map((row) => metricText(metric, row.value));
    const matches = this.#search.update(this.#store.layers);
    const marked = search === "" ? pointedAt(this.#store, pointed) : new Set(matches);
    this.#rows.update(rows, texts, opened, marked, found);
    this.#updateBorder(rows);
    this.timeline.update();
    this.#updateBars(table);
    this.#updateHeatmap(table);
    this.#updateMinimap(table);
    this.#updateTooltip();
    this.#bringInSight();
  }

  /** The border of the finding that the bars point at. */
  #updateBorder(rows: TableRow[]): void {
    const border = this.#borderShown();
    const row = border === null ? -1 : this.#rowOf(border.above);
    const isInside = rows[row]?.layers.includes((border?.above ?? 0) + 1) === true;
    this.#border.update(border, isInside ? -1 : row + 1);
  }

  #borderShown(): Border | null {
    const { pointed, cursor, metric } = this.#options.choices;
    const finding =
      this.#store.findings.find((each) => keyOf(each) === pointed) ?? leadOf(this.#store)?.cause;
    const isAbout =
      finding?.active &&
      finding.metrics.includes(metric) &&
      (cursor ?? finding.last_step) >= finding.first_step;
    return isAbout ? borderOf(finding, this.#store, cursor) : null;
  }

  #updateBars(table: Table): void {
    const { rows, metric, bounds } = table;
    const values = rows.map((row) => row.value);
    const colors = rows.map(({ colorState, dimmed }) => barColor(lookOf(colorState).color, dimmed));
    const scale = this.#ranges.bars(metric, values);
    const size = this.#sizes.of(this.#barArea);
    this.#bars.draw(values, colors, scale);
    this.#axis.update(scale, size.width);
    this.#bounds.update(bounds, scale);
    this.#usual.update(rows, this.#store, metric.name, scale, size);
    const hasValues = this.#valueColumn.update(rows, metric);
    setAttribute(this.node, "data-values", String(hasValues));
    const { cursor } = this.#options.choices;
    this.#legend.update(table, cursor ?? this.#store.status.step, this.#usual.hasAny);
  }

  #updateHeatmap(table: Table): void {
    const { width } = this.#sizes.of(this.#heatmap.canvas);
    const scale = this.#ranges.heatmap(table.metric, this.#store);
    const wait = this.#heatmap.update(table, this.#store, this.timeline.axis, width, scale);
    // The last message of a run may have come while the heatmap was not drawn.
    if (wait > 0) this.#timer ??= window.setTimeout(() => this.#again(), wait);
  }

  #updateMinimap({ rows }: Table): void {
    const { height } = this.#sizes.of(this.#rows.node);
    const { room } = this.#sight;
    // Where all rows are in sight it would say the same again.
    const isShown = this.#sight.isKnown && height > room + 1;
    const states = isShown ? statesAt(this.#store, this.#options.choices.cursor) : [];
    this.#minimap.update(states, isShown ? room : 0);
    if (!isShown) return;
    const each = height / rows.length;
    const at = (place: number): TableRow | undefined =>
      rows[Math.min(rows.length - 1, Math.floor(place))];
    const [first, last] = this.#sight.range(each).map(at);
    // Below the row of an open group are its members, of which none is in sight.
    const end = last?.layers.at(last.open === true ? 0 : -1) ?? 0;
    this.#minimap.frame({ from: first?.layers[0] ?? 0, to: end + 1 });
  }

  /** The row of a layer, or that of the closed group that it is in. */
  #rowOf(layer: number): number {
    return (this.#table?.rows ?? []).findLastIndex(({ layers }) => layers.includes(layer));
  }

  /** Brings to the middle what was asked for, found, or has just become the cause. */
  #bringInSight(): void {
    if (!this.#sight.isKnown) return;
    const place = this.#places.take(!this.#sight.isTouched);
    if (place === null) return;
    const row = this.#rowOf(place.layer);
    const [first, last] = this.#sight.range(this.#rowHeight);
    if (place.isBorder) this.#center(row + 1);
    else if (row < first || row + 1 > last) this.#center(row + 0.5);
  }

  get #rowHeight(): number {
    return this.#rows.node.clientHeight / Math.max(1, this.#table?.rows.length ?? 0);
  }

  #center(place: number): void {
    this.#sight.center(place, this.#rowHeight);
  }

  #again(): void {
    this.#timer = null;
    if (this.node.isConnected && this.#table !== null) this.#updateHeatmap(this.#table);
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
