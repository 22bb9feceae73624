import { type Band, bandPaths, bandsOf, heightOf, valueTextAt } from "../derive/bands.ts";
import { placeStep, stepAt, type TimeAxis, timeAxisOf } from "../derive/time-axis.ts";
import type { ChangeInfo, FindingInfo } from "../protocol/messages.gen.ts";
import { lookOf } from "../protocol/state-look.ts";
import type { Store } from "../state/store.ts";
import type { ViewOptions } from "../state/view-options.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCount, formatMeasured } from "../util/format.ts";
import { memo } from "../util/redraw.ts";
import type { Sizes } from "../util/sizes.ts";
import { svgElement } from "../util/svg.ts";

/** Columns that Page Up and Page Down move by. */
const PAGE = 20;
const MOVES: Record<string, number> = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageUp: PAGE,
  PageDown: -PAGE,
};

/** Loss and norms over the steps, with marks for findings: a slider to travel in time. */
export class Timeline {
  /** What was applied to the loop, marked where it was done and where it was undone. */
  changes: ChangeInfo[] = [];
  readonly labels = element("div", { class: "gw-bands", "aria-hidden": "true" });
  readonly node: HTMLElement;
  /** The line through heatmap and timeline at the step shown. */
  readonly cursorLine = element("div", { class: "gw-cursor", "aria-hidden": "true", hidden: "" });
  readonly #svg = svgElement("svg");
  readonly #marks = element("div", { class: "gw-marks" });
  readonly #ticks = element("div", { class: "gw-steps" });
  readonly #store: Store;
  readonly #options: ViewOptions;
  readonly #sizes: Sizes;
  readonly #listBands = memo<string>();
  readonly #redraw = memo<string>();
  #axis: TimeAxis = { first: 0, last: 1 };
  /** Where the value of each scalar is written, and the line of each. */
  #values: HTMLElement[] = [];
  #curves: SVGPathElement[] = [];

  constructor(store: Store, options: ViewOptions, sizes: Sizes) {
    this.#store = store;
    this.#options = options;
    this.#sizes = sizes;
    const plot = element("div", { class: "gw-timeline-plot", "aria-hidden": "true" });
    plot.append(this.#svg, this.#marks, this.#ticks);
    this.node = element(
      "div",
      { class: "gw-timeline", role: "slider", tabindex: "0", "aria-label": "Step shown" },
      plot,
    );
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.dragFrom(this.node);
  }

  /** Lets the pointer travel along an element that has this time axis. */
  dragFrom(area: HTMLElement): void {
    const travel = (event: PointerEvent): void => {
      const box = this.node.getBoundingClientRect();
      this.#travel(stepAt(this.#axis, (event.clientX - box.left) / box.width));
    };
    area.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      area.setPointerCapture(event.pointerId);
      travel(event);
    });
    area.addEventListener("pointermove", (event) => {
      if (area.hasPointerCapture(event.pointerId)) travel(event);
    });
  }

  get axis(): TimeAxis {
    return this.#axis;
  }

  update(): void {
    const { scalars, findings, version } = this.#store;
    const { cursor } = this.#options.choices;
    this.#axis = timeAxisOf(scalars);
    const { width } = this.#sizes.of(this.node);
    const bands = bandsOf(scalars);
    const column = scalars.at(cursor);
    this.#updateLabels(bands, column);
    this.#updateSlider(column, cursor);
    setHidden(this.cursorLine, cursor === null);
    if (cursor !== null) {
      const left = placeStep(this.#axis, cursor) * width;
      this.cursorLine.style.transform = `translateX(${left}px)`;
    }
    if (width === 0) return;
    const undone = this.changes.map(({ undone_step }) => undone_step).join();
    this.#redraw(`${version} ${width} ${undone}`, () => {
      this.#drawCurves(bands, width);
      this.#drawMarks(findings);
      this.#drawTicks();
    });
  }

  #updateSlider(column: number, cursor: number | null): void {
    const { first, last } = this.#axis;
    const now = cursor ?? last;
    setAttribute(this.node, "aria-valuemin", String(first));
    setAttribute(this.node, "aria-valuemax", String(last));
    setAttribute(this.node, "aria-valuenow", String(now));
    const loss = this.#store.scalars.history("loss")?.value[column] ?? Number.NaN;
    const lossText = Number.isNaN(loss) ? "" : `, loss ${formatMeasured(loss)}`;
    const newest = cursor === null ? ", newest" : "";
    setAttribute(this.node, "aria-valuetext", `step ${formatCount(now)}${newest}${lossText}`);
  }

  #updateLabels(bands: Band[], column: number): void {
    this.#listBands(JSON.stringify(bands), () => {
      this.#values = bands.flatMap(({ names }) => names.map(() => element("b")));
      const values = this.#values.values();
      this.labels.replaceChildren(...bands.map((band) => labelOf(band, values)));
    });
    const names = bands.flatMap((band) => band.names);
    this.#values.forEach((node, i) => {
      setText(node, valueTextAt(this.#store.scalars, names[i] as string, column));
    });
  }

  #drawCurves(bands: Band[], width: number): void {
    let height = 0;
    let drawn = 0;
    for (const band of bands) {
      const paths = bandPaths(this.#store.scalars, band, this.#axis, width, height);
      paths.forEach((path, order) => {
        const curve = this.#curve(drawn++);
        setAttribute(curve, "d", path);
        setAttribute(curve, "class", order === 0 ? "gw-curve" : "gw-curve gw-curve-second");
      });
      height += heightOf(band);
    }
    for (const curve of this.#curves.splice(drawn)) curve.remove();
    setAttribute(this.#svg, "width", String(width));
    setAttribute(this.#svg, "height", String(height));
  }

  #curve(index: number): SVGPathElement {
    let curve = this.#curves[index];
    if (curve === undefined) {
      curve = svgElement("path");
      this.#curves.push(curve);
      this.#svg.append(curve);
    }
    return curve;
  }

  #drawMarks(findings: FindingInfo[]): void {
    const began = findings.map(({ first_step, state, active }) => {
      const color = active ? lookOf(state).color : "var(--gw-neutral)";
      return element("i", { style: `${this.#left(first_step)};--gw-state:${color}` });
    });
    const changed = this.changes.flatMap(({ step, undone_step, text }) => {
      const applied = this.#changeMark(step, `applied: ${text}`);
      if (undone_step === null) return [applied];
      return [applied, this.#changeMark(undone_step, `undone: ${text}`)];
    });
    this.#marks.replaceChildren(...began, ...changed);
  }

  /** A mark between the last step before a change and the first after it. */
  #changeMark(step: number, title: string): HTMLElement {
    return element("i", { class: "gw-change-mark", title, style: this.#left(step + 0.5) });
  }

  #left(step: number): string {
    return `left:${(100 * placeStep(this.#axis, step)).toFixed(3)}%`;
  }

  #drawTicks(): void {
    const { first, last } = this.#axis;
    const texts = [
      `step ${formatCount(first)}`,
      formatCount((first + last) / 2),
      formatCount(last),
    ];
    const shown = this.#store.scalars.count === 0 ? [] : texts;
    this.#ticks.replaceChildren(...shown.map((text) => element("span", { text })));
  }

  #key(event: KeyboardEvent): void {
    const { samples } = this.#store;
    const move = MOVES[event.key];
    if (move !== undefined) {
      const column = samples.at(this.#options.choices.cursor) + move;
      if (column >= samples.count) this.#options.change({ cursor: null });
      else this.#travel(samples.steps[Math.max(0, column)] ?? this.#axis.first);
    } else if (event.key === "Home") this.#travel(this.#axis.first);
    else if (event.key === "End" || event.key === "Escape") this.#options.change({ cursor: null });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #travel(step: number): void {
    const { first, last } = this.#axis;
    this.#options.change({ cursor: Math.min(last, Math.max(first, step)) });
  }
}

/** The titles of a band with their values beside them; after the first a line is dashed. */
function labelOf(band: Band, values: Iterator<HTMLElement>): HTMLElement {
  const lines = band.names.map((_, order) => {
    const title = `${order === 0 ? "" : "╌ "}${band.titles[order]} `;
    return element("div", {}, element("span", { text: title }), values.next().value as HTMLElement);
  });
  return element("div", { style: `height:${heightOf(band)}px` }, ...lines);
}
