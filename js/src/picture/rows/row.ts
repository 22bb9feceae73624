import type { TableRow } from "../../derive/table.ts";
import { lookOf } from "../../protocol/state-look.ts";
import { element, setAttribute, setText } from "../../util/dom.ts";
import { elideMiddle, type Measure } from "../../util/elide.ts";

/** Pixels by which the members of a group are indented. */
const INDENT = 12;

/** One row of the table: name, kind, and the state as a mark and a word. */
export class Row {
  readonly node: HTMLElement;
  readonly cell: HTMLElement;
  readonly name = element("button", { class: "gw-name", type: "button", tabindex: "-1" });
  readonly summary = element("span", { class: "gw-summary", role: "cell" });
  spec: TableRow | null = null;
  readonly #mark = element("i", { "aria-hidden": "true" });
  readonly #word = element("span");
  #label = "";
  #shown = "";

  constructor() {
    const state = element("span", { class: "gw-state", role: "cell" }, this.#mark, this.#word);
    this.cell = element("span", { class: "gw-name-cell", role: "cell" }, this.name);
    this.node = element("div", { class: "gw-row", role: "row" }, this.cell, this.summary, state);
  }

  /**
   * Shows a layer or a group, its name excepted; `value` in words is told to screen readers, and the
   * row has those `classes` that are true.
   */
  update(spec: TableRow, value: string, classes: Record<string, boolean>): void {
    this.spec = spec;
    const label = `${spec.name}: ${lookOf(spec.state).word}, ${value}`;
    if (label !== this.#label) {
      this.#label = label;
      this.node.setAttribute("aria-label", label);
    }
    // Most of a row stays the same from tick to tick; to read that off the page takes long.
    const { key, summary, state, open, depth } = spec;
    const shown = `${key} ${summary} ${state} ${open} ${depth} ${Object.values(classes)}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#draw(spec);
    for (const [name, isOn] of Object.entries(classes)) this.node.classList.toggle(name, isOn);
  }

  /** Width of the whole name with its indent. */
  nameWidth(measure: Measure): number {
    return this.spec === null ? 0 : measure(nameOf(this.spec)) + INDENT * this.spec.depth;
  }

  /** Shows the name, shortened to a width. */
  fitName(width: number, measure: Measure): void {
    if (this.spec === null) return;
    const room = width - INDENT * this.spec.depth;
    setText(this.name, elideMiddle(nameOf(this.spec), room, measure));
    setAttribute(this.name, "title", this.spec.key);
  }

  #draw({ summary, state, open, depth }: TableRow): void {
    const look = lookOf(state);
    const kind = open === undefined ? "layer" : open ? "open" : "closed";
    setText(this.summary, summary);
    setText(this.#mark, state === "ok" ? "" : look.mark);
    this.#mark.style.color = look.color;
    setText(this.#word, state === "ok" ? "" : look.word);
    setAttribute(this.node, "data-state", state);
    setAttribute(this.node, "data-kind", kind);
    this.name.style.paddingLeft = `${INDENT * depth}px`;
    if (open === undefined) this.name.removeAttribute("aria-expanded");
    else setAttribute(this.name, "aria-expanded", String(open));
  }
}

function nameOf({ open, label }: TableRow): string {
  return open === undefined ? label : `${open ? "▾" : "▸"} ${label}`;
}
