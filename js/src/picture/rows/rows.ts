import type { TableRow } from "../../derive/table.ts";
import { element, setAttribute } from "../../util/dom.ts";
import { type Measure, measureLike } from "../../util/elide.ts";
import type { Sizes } from "../../util/sizes.ts";
import { Row } from "./row.ts";

/** What the reader can do with a row. */
export interface RowActions {
  /** Open the detail of a layer. */
  onOpen(key: string): void;
  /** Open or close a group. */
  onToggle(key: string, open: boolean): void;
}

/** Pixels that stay free on either side of a kind, and that its column has at most. */
const ROOM = 10;
const MOST_KIND = 136;

/** The table of layers, one row per layer or group. Arrow keys go from row to row. */
export class Rows {
  readonly node = element("div", {
    class: "gw-rows",
    role: "table",
    "aria-label": "Layers, input first",
  });
  readonly #sizes: Sizes;
  readonly #actions: RowActions;
  #rows: Row[] = [];
  /** The layer whose row gets the focus as soon as there is one. */
  #awaited: string | null = null;
  #measure: Measure = (text) => text.length;
  /** The texts that the columns are sized for, and the width that names are shortened to. */
  #measuredFor = "";
  #elidedFor = 0;

  constructor(sizes: Sizes, actions: RowActions) {
    this.#sizes = sizes;
    this.#actions = actions;
    this.node.addEventListener("click", (event) => this.#choose(event.target as Node));
    this.node.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Shows rows; `values` are in words, in the same order. */
  update(
    specs: TableRow[],
    values: string[],
    opened: string | null,
    highlighted: ReadonlySet<string>,
    found: string | null,
  ): void {
    if (specs.length !== this.#rows.length) this.#resize(specs.length);
    specs.forEach((spec, i) => {
      const classes = {
        "gw-highlighted": highlighted.has(spec.key),
        "gw-opened": spec.key === opened,
        "gw-found": spec.key === found,
      };
      this.#rows[i]?.update(spec, values[i] ?? "", classes);
    });
    this.#fit();
    if (this.#awaited !== null) this.focus(this.#awaited);
    this.#awaited = null;
  }

  /** The row at a height within the table; -1 where there is none. */
  indexAt(y: number): number {
    const row = Math.floor((y / this.node.clientHeight) * this.#rows.length);
    return row >= 0 && row < this.#rows.length ? row : -1;
  }

  /** Puts the focus on the row of a layer, once the group around it has been drawn open. */
  focus(key: string): void {
    const row = this.#rows.find(({ spec }) => spec?.key === key);
    if (row === undefined) this.#awaited = key;
    else this.#focus(row);
  }

  /** Shortens names to the present width, after sizing the columns where texts have changed. */
  #fit(): void {
    const first = this.#rows[0];
    if (first === undefined) return;
    const { width } = this.#sizes.of(first.cell);
    if (width === 0) return;
    const texts = this.#rows
      .map(({ spec }) => `${spec?.depth}${spec?.open}${spec?.label}${spec?.summary}`)
      .join();
    if (texts !== this.#measuredFor) {
      this.#measuredFor = texts;
      this.#elidedFor = 0;
      this.#sizeColumns(first);
    }
    if (width === this.#elidedFor) return;
    this.#elidedFor = width;
    for (const row of this.#rows) row.fitName(width, this.#measure);
  }

  #sizeColumns(first: Row): void {
    // A group's name is bold and so wider.
    const group = this.#rows.find(({ spec }) => spec?.open !== undefined);
    this.#measure = measureLike((group ?? first).name);
    this.#setWidth("--gw-names", (row) => row.nameWidth(this.#measure));
    const measure = measureLike(first.summary);
    const kindWidth = ({ spec }: Row): number =>
      spec === null ? 0 : Math.min(MOST_KIND, measure(spec.summary) + 2 * ROOM);
    this.#setWidth("--gw-kinds", kindWidth);
    for (const row of this.#rows)
      row.summary.classList.toggle("gw-clipped", kindWidth(row) === MOST_KIND);
  }

  /** Tells the style sheet how wide the widest row of a column is. */
  #setWidth(property: string, widthOf: (row: Row) => number): void {
    const widest = this.#rows.reduce((most, row) => Math.max(most, widthOf(row)), 0);
    this.node.parentElement?.style.setProperty(property, `${Math.ceil(widest) + 2}px`);
  }

  #choose(target: Node): void {
    const spec = this.#rows.find(({ node }) => node.contains(target))?.spec;
    if (spec === undefined || spec === null) return;
    if (spec.open === undefined) this.#actions.onOpen(spec.key);
    else this.#actions.onToggle(spec.key, !spec.open);
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
    this.#focus(next);
    event.preventDefault();
    event.stopPropagation();
  }

  /** The row that has, or had, the focus is the one that Tab reaches. */
  #focus(row: Row): void {
    for (const { name } of this.#rows) setAttribute(name, "tabindex", "-1");
    row.name.setAttribute("tabindex", "0");
    row.name.focus();
  }

  /** Keeps existing rows, so that the focus stays where it is when a group opens. */
  #resize(count: number): void {
    for (const { node } of this.#rows.splice(count)) node.remove();
    while (this.#rows.length < count) this.#rows.push(new Row());
    this.node.append(...this.#rows.slice(this.node.childElementCount).map(({ node }) => node));
    const reachable = this.#rows.some(({ name }) => name.getAttribute("tabindex") === "0");
    if (!reachable) this.#rows[0]?.name.setAttribute("tabindex", "0");
    this.#measuredFor = "";
  }
}
