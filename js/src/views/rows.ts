import { element, setAttribute, setText } from "../util/dom.ts";
import { elideMiddle, type Measure, measureLike } from "../util/elide.ts";
import { lookOf } from "../util/states.ts";

/** One row of the picture in words. */
export interface RowText {
  name: string;
  summary: string;
  state: string;
  /** The figure with its metric: "gradient RMS 3.1e−8". */
  figure: string;
}

interface Row {
  node: HTMLElement;
  name: HTMLElement;
  summary: HTMLElement;
  mark: HTMLElement;
  word: HTMLElement;
  full: string;
}

/** The table of layers: name, kind, and the state as a mark and a word, a row a layer. */
export class Rows {
  readonly node = element("div", { class: "gw-rows", role: "table", "aria-label": "Layers, input first" });
  #rows: Row[] = [];
  #measure: Measure | null = null;
  #elidedFor = 0;

  update(texts: RowText[]): void {
    if (texts.length !== this.#rows.length) this.#rebuild(texts.length);
    let renamed = false;
    texts.forEach(({ name, summary, state, figure }, i) => {
      const row = this.#rows[i] as Row;
      const look = lookOf(state);
      renamed ||= row.full !== name;
      row.full = name;
      setText(row.summary, summary);
      setText(row.mark, state === "ok" ? "" : look.mark);
      row.mark.style.color = look.colour;
      setText(row.word, state === "ok" ? "" : look.word);
      setAttribute(row.node, "data-state", state);
      setAttribute(row.node, "aria-label", `${name}: ${look.word}, ${figure}`);
    });
    if (renamed) this.#elidedFor = 0;
    this.fit();
  }

  /** The row at a height within the table; -1 where there is none. */
  indexAt(y: number): number {
    const row = Math.floor((y / this.node.clientHeight) * this.#rows.length);
    return row < this.#rows.length ? row : -1;
  }

  /** Shortens names to the width that there is now. */
  fit(): void {
    const first = this.#rows[0];
    if (first === undefined) return;
    const width = first.name.clientWidth;
    if (width === this.#elidedFor || width === 0) return;
    this.#elidedFor = width;
    this.#measure ??= measureLike(first.name);
    for (const { name, full } of this.#rows) {
      setText(name, elideMiddle(full, width, this.#measure));
      setAttribute(name, "title", full);
    }
  }

  #rebuild(count: number): void {
    this.#rows = Array.from({ length: count }, () => {
      const name = element("span", { class: "gw-name", role: "cell" });
      const summary = element("span", { class: "gw-summary", role: "cell" });
      const mark = element("i", { "aria-hidden": "true" });
      const word = element("span");
      const state = element("span", { class: "gw-state", role: "cell" }, mark, word);
      return {
        node: element("div", { class: "gw-row", role: "row" }, name, summary, state),
        name,
        summary,
        mark,
        word,
        full: "",
      };
    });
    this.node.replaceChildren(...this.#rows.map((row) => row.node));
    this.#elidedFor = 0;
  }
}
