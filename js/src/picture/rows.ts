import type { TableRow } from "../derive/table.ts";
import { element, setAttribute, setText } from "../util/dom.ts";
import { elideMiddle, type Measure, measureLike } from "../util/elide.ts";
import type { Sizes } from "../util/sizes.ts";
import { lookOf } from "../util/state-look.ts";

/** What the reader does with a row. */
export interface RowsOptions {
  /** A layer's row was chosen. */
  onOpen(key: string): void;
  /** A group's row was chosen. */
  onToggle(key: string, open: boolean): void;
}

/** Pixels by which the members of a group stand further in than the group. */
const INDENT = 12;
/** Pixels that stay free on either side of a kind, and that its column has at most. */
const ROOM = 10;
const MOST_KIND = 136;

interface Row {
  node: HTMLElement;
  cell: HTMLElement;
  name: HTMLButtonElement;
  summary: HTMLElement;
  mark: HTMLElement;
  word: HTMLElement;
  spec: TableRow | null;
  /** Its accessible name, and what else it shows. */
  label: string;
  shown: string;
}

/** The table of layers: name, kind, and the state as a mark and a word. Arrow keys go from row to row. */
export class Rows {
  readonly node = element("div", {
    class: "gw-rows",
    role: "table",
    "aria-label": "Layers, input first",
  });
  readonly #sizes: Sizes;
  readonly #options: RowsOptions;
  #rows: Row[] = [];
  #measure: Measure = (text) => text.length;
  #wanted = "";
  #elidedFor = 0;

  constructor(sizes: Sizes, options: RowsOptions) {
    this.#sizes = sizes;
    this.#options = options;
    this.node.addEventListener("click", (event) => this.#choose(event.target as Node));
    this.node.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Shows rows; `figures` are their values in words, in the same order. */
  update(
    specs: TableRow[],
    figures: string[],
    opened: string | null,
    highlighted: ReadonlySet<string>,
  ): void {
    if (specs.length !== this.#rows.length) this.#resize(specs.length);
    specs.forEach((spec, i) => {
      const row = this.#rows[i] as Row;
      row.spec = spec;
      const label = `${spec.key}: ${lookOf(spec.state).word}, ${figures[i] ?? ""}`;
      if (label !== row.label) {
        row.label = label;
        row.node.setAttribute("aria-label", label);
      }
      const lit = highlighted.has(spec.key);
      // Most of a row stays as it is from tick to tick; asking the page whether it does takes long with many rows.
      const shown = `${spec.key} ${spec.summary} ${spec.state} ${spec.open} ${spec.depth} ${lit} ${spec.key === opened}`;
      if (shown === row.shown) return;
      row.shown = shown;
      show(row, spec, lit, spec.key === opened);
    });
    this.#fit();
  }

  /** The row at a height within the table; -1 where there is none. */
  indexAt(y: number): number {
    const row = Math.floor((y / this.node.clientHeight) * this.#rows.length);
    return row >= 0 && row < this.#rows.length ? row : -1;
  }

  /** Brings the row of a layer into sight within its scrolling frame. */
  reveal(key: string): void {
    this.#rows.find(({ spec }) => spec?.key === key)?.node.scrollIntoView({ block: "nearest" });
  }

  /** Shortens names to the width that there is now. */
  #fit(): void {
    const first = this.#rows[0];
    if (first === undefined) return;
    const { width } = this.#sizes.of(first.cell);
    if (width === 0) return;
    const wanted = this.#rows
      .map(({ spec }) => `${spec?.depth}${spec?.open}${spec?.label}${spec?.summary}`)
      .join();
    if (wanted !== this.#wanted) {
      this.#wanted = wanted;
      this.#elidedFor = 0;
      const group = this.#rows.find(({ spec }) => spec?.open !== undefined);
      this.#measure = measureLike((group ?? first).name);
      this.#demand("--gw-names", (spec) => this.#measure(textOf(spec)) + INDENT * spec.depth);
      this.#fitKinds(measureLike(first.summary));
    }
    if (width === this.#elidedFor) return;
    this.#elidedFor = width;
    for (const { name, spec } of this.#rows) {
      if (spec === null) continue;
      setText(name, elideMiddle(textOf(spec), width - INDENT * spec.depth, this.#measure));
      setAttribute(name, "title", spec.key);
    }
  }

  #fitKinds(measure: Measure): void {
    const widthOf = ({ summary }: TableRow): number =>
      Math.min(MOST_KIND, measure(summary) + 2 * ROOM);
    this.#demand("--gw-kinds", widthOf);
    for (const { summary, spec } of this.#rows) {
      summary.classList.toggle("gw-long", spec !== null && widthOf(spec) === MOST_KIND);
    }
  }

  /** Has a column be as wide as its widest row needs; that of names up to a share of the picture. */
  #demand(property: string, widthOf: (spec: TableRow) => number): void {
    const widest = this.#rows.reduce(
      (most, { spec }) => Math.max(most, spec === null ? 0 : widthOf(spec)),
      0,
    );
    this.node.parentElement?.style.setProperty(property, `${Math.ceil(widest) + 2}px`);
  }

  #choose(target: Node): void {
    const spec = this.#rows.find(({ node }) => node.contains(target))?.spec;
    if (spec === undefined || spec === null) return;
    if (spec.open === undefined) this.#options.onOpen(spec.key);
    else this.#options.onToggle(spec.key, !spec.open);
  }

  #move(event: KeyboardEvent): void {
    const at = this.#rows.findIndex(({ name }) => name === event.target);
    const steps: Record<string, number> = {
      ArrowUp: at - 1,
      ArrowDown: at + 1,
      Home: 0,
      End: this.#rows.length - 1,
    };
    const next = this.#rows[steps[event.key] ?? -1];
    if (at < 0 || next === undefined) return;
    this.#rows[at]?.name.setAttribute("tabindex", "-1");
    next.name.setAttribute("tabindex", "0");
    next.name.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  /** Keeps the rows that there are, so that the focus stays where it is when a group opens. */
  #resize(count: number): void {
    for (const { node } of this.#rows.splice(count)) node.remove();
    while (this.#rows.length < count) this.#rows.push(newRow());
    this.node.append(...this.#rows.slice(this.node.childElementCount).map(({ node }) => node));
    const reachable = this.#rows.some(({ name }) => name.getAttribute("tabindex") === "0");
    if (!reachable) this.#rows[0]?.name.setAttribute("tabindex", "0");
    this.#wanted = "";
  }
}

function newRow(): Row {
  const name = element("button", { class: "gw-name", type: "button", tabindex: "-1" });
  const summary = element("span", { class: "gw-summary", role: "cell" });
  const mark = element("i", { "aria-hidden": "true" });
  const word = element("span");
  const state = element("span", { class: "gw-state", role: "cell" }, mark, word);
  const cell = element("span", { class: "gw-name-cell", role: "cell" }, name);
  const node = element("div", { class: "gw-row", role: "row" }, cell, summary, state);
  return { node, cell, name, summary, mark, word, spec: null, label: "", shown: "" };
}

function show(
  { node, name, summary, mark, word }: Row,
  spec: TableRow,
  lit: boolean,
  opened: boolean,
): void {
  const look = lookOf(spec.state);
  setText(summary, spec.summary);
  setText(mark, spec.state === "ok" ? "" : look.mark);
  mark.style.color = look.colour;
  setText(word, spec.state === "ok" ? "" : look.word);
  setAttribute(node, "data-state", spec.state);
  setAttribute(
    node,
    "data-kind",
    spec.open === undefined ? "layer" : spec.open ? "open" : "closed",
  );
  node.classList.toggle("gw-lit", lit);
  node.classList.toggle("gw-opened", opened);
  name.style.paddingLeft = `${INDENT * spec.depth}px`;
  if (spec.open === undefined) name.removeAttribute("aria-expanded");
  else setAttribute(name, "aria-expanded", String(spec.open));
}

function textOf({ open, label }: TableRow): string {
  return open === undefined ? label : `${open ? "▾" : "▸"} ${label}`;
}
