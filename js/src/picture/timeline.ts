import { type Band, bandPaths, bandsOf, figureAt, heightOf } from "../derive/bands.ts";
import { placeStep, type Span, spanOf, stepAt } from "../derive/time-axis.ts";
import type { ChangeInfo } from "../protocol/messages.gen.ts";
import type { Store } from "../state/store.ts";
import type { Lens } from "../state/view-options.ts";
import { element, setAttribute, setHidden, setText } from "../util/dom.ts";
import { formatCount, formatMeasured } from "../util/format.ts";
import type { Sizes } from "../util/sizes.ts";
import { lookOf } from "../util/state-look.ts";
import { SVG } from "../util/svg.ts";

/** Samples that Page Up and Page Down go. */
const PAGE = 20;

/** Loss and norms over the steps, with marks for findings: a slider with which to travel in time. */
export class Timeline {
  /** What was applied to the loop, to be marked where it was done and where it was taken back. */
  changes: ChangeInfo[] = [];
  readonly labels = element("div", { class: "gw-bands", "aria-hidden": "true" });
  readonly node: HTMLElement;
  /** The line through heatmap and timeline that says which step is looked at. */
  readonly line = element("div", { class: "gw-cursor", "aria-hidden": "true", hidden: "" });
  readonly #svg = document.createElementNS(SVG, "svg");
  readonly #marks = element("div", { class: "gw-marks" });
  readonly #steps = element("div", { class: "gw-steps" });
  readonly #store: Store;
  readonly #lens: Lens;
  readonly #sizes: Sizes;
  #span: Span = { first: 0, last: 1 };
  #listed = "";
  #figures: Element[] = [];
  #drawn = "";

  constructor(store: Store, lens: Lens, sizes: Sizes) {
    this.#store = store;
    this.#lens = lens;
    this.#sizes = sizes;
    const inner = element("div", { class: "gw-lines-of-time", "aria-hidden": "true" });
    inner.append(this.#svg, this.#marks, this.#steps);
    this.node = element(
      "div",
      { class: "gw-timeline", role: "slider", tabindex: "0", "aria-label": "Step looked at" },
      inner,
    );
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.dragFrom(this.node);
  }

  /** Lets the pointer travel along an element that has this time axis. */
  dragFrom(area: HTMLElement): void {
    const follow = (event: PointerEvent): void => {
      const box = this.node.getBoundingClientRect();
      this.#travel(stepAt(this.#span, (event.clientX - box.left) / box.width));
    };
    area.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      area.setPointerCapture(event.pointerId);
      follow(event);
    });
    area.addEventListener("pointermove", (event) => {
      if (area.hasPointerCapture(event.pointerId)) follow(event);
    });
  }

  get span(): Span {
    return this.#span;
  }

  update(): void {
    const { scalars, findings } = this.#store;
    const { cursor } = this.#lens.look;
    this.#span = spanOf(scalars);
    const { width } = this.#sizes.of(this.node);
    const bands = bandsOf(scalars);
    const at = cursor === null ? scalars.count - 1 : scalars.at(cursor);
    this.#label(bands, at);
    this.#announce(at, cursor);
    setHidden(this.line, cursor === null);
    if (cursor !== null)
      this.line.style.transform = `translateX(${placeStep(this.#span, cursor) * width}px)`;
    const drawn = `${this.#store.version} ${width} ${this.changes.map(({ undone_step }) => undone_step).join()}`;
    if (width === 0 || drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#draw(bands, width);
    this.#marks.replaceChildren(
      ...findings.map(({ first_step, state, active }) => {
        const colour = active ? lookOf(state).colour : "var(--gw-neutral)";
        return element("i", {
          style: `left:${percent(placeStep(this.#span, first_step))};--gw-state:${colour}`,
        });
      }),
      ...this.changes.flatMap(({ step, undone_step, text }) => [
        this.#changed(step, `applied: ${text}`),
        ...(undone_step === null ? [] : [this.#changed(undone_step, `undone: ${text}`)]),
      ]),
    );
    const { first, last } = this.#span;
    const texts =
      scalars.count === 0
        ? []
        : [`step ${formatCount(first)}`, formatCount((first + last) / 2), formatCount(last)];
    this.#steps.replaceChildren(...texts.map((text) => element("span", { text })));
  }

  /** A mark between the last step before a change and the first after it. */
  #changed(step: number, title: string): HTMLElement {
    return element("i", {
      class: "gw-changed",
      title,
      style: `left:${percent(placeStep(this.#span, step + 0.5))}`,
    });
  }

  #announce(at: number, cursor: number | null): void {
    const { first, last } = this.#span;
    const now = cursor ?? last;
    setAttribute(this.node, "aria-valuemin", String(first));
    setAttribute(this.node, "aria-valuemax", String(last));
    setAttribute(this.node, "aria-valuenow", String(now));
    const loss = this.#store.scalars.track("loss")?.value[at];
    const words = loss === undefined || Number.isNaN(loss) ? "" : `, loss ${formatMeasured(loss)}`;
    setAttribute(
      this.node,
      "aria-valuetext",
      `step ${formatCount(now)}${cursor === null ? ", live" : ""}${words}`,
    );
  }

  #label(bands: Band[], at: number): void {
    const listed = JSON.stringify(bands);
    if (listed !== this.#listed) {
      this.#listed = listed;
      this.labels.replaceChildren(...bands.map(labelOf));
      this.#figures = [...this.labels.querySelectorAll("b")];
    }
    bands
      .flatMap(({ names }) => names)
      .forEach((name, i) => {
        setText(this.#figures[i] as Element, figureAt(this.#store.scalars, name, at));
      });
  }

  #draw(bands: Band[], width: number): void {
    const tops = bands.map((_, i) =>
      bands.slice(0, i).reduce((sum, band) => sum + heightOf(band), 0),
    );
    const height = bands.reduce((sum, band) => sum + heightOf(band), 0);
    setAttribute(this.#svg, "width", String(width));
    setAttribute(this.#svg, "height", String(height));
    const paths = bands.flatMap((band, i) =>
      bandPaths(
        this.#store.scalars,
        band,
        this.#span,
        width,
        tops[i] as number,
        heightOf(band),
      ).map((path, k) => [path, k] as const),
    );
    while (this.#svg.childElementCount > paths.length) this.#svg.lastElementChild?.remove();
    while (this.#svg.childElementCount < paths.length)
      this.#svg.append(document.createElementNS(SVG, "path"));
    paths.forEach(([path, order], i) => {
      const node = this.#svg.children[i] as SVGPathElement;
      setAttribute(node, "d", path);
      setAttribute(node, "class", `gw-line ${order === 0 ? "" : "gw-second"}`);
    });
  }

  #key(event: KeyboardEvent): void {
    const moves: Record<string, number> = {
      ArrowLeft: -1,
      ArrowDown: -1,
      ArrowRight: 1,
      ArrowUp: 1,
      PageUp: PAGE,
      PageDown: -PAGE,
    };
    const move = moves[event.key];
    const { samples } = this.#store;
    const { cursor } = this.#lens.look;
    if (move !== undefined) {
      const at = (cursor === null ? samples.count - 1 : samples.at(cursor)) + move;
      if (at >= samples.count) this.#lens.change({ cursor: null });
      else this.#travel(samples.steps[Math.max(0, at)] ?? this.#span.first);
    } else if (event.key === "Home") this.#travel(this.#span.first);
    else if (event.key === "End" || event.key === "Escape") this.#lens.change({ cursor: null });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #travel(step: number): void {
    this.#lens.change({ cursor: Math.min(this.#span.last, Math.max(this.#span.first, step)) });
  }
}

/** The titles of a band with room for their figures; all but the first name a dashed line. */
function labelOf(band: Band): HTMLElement {
  const lines = band.titles.slice(0, band.names.length).map((title, order) => {
    const text = order === 0 ? title : `╌ ${title}`;
    return element("div", {}, element("span", { text: `${text} ` }), element("b"));
  });
  return element("div", { style: `height:${heightOf(band)}px` }, ...lines);
}

function percent(place: number): string {
  return `${(100 * place).toFixed(3)}%`;
}
