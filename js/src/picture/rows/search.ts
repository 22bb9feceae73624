import { matchesOf } from "../../derive/matches.ts";
import type { LayerInfo } from "../../protocol/messages.gen.ts";
import type { ViewOptions } from "../../state/view-options.ts";
import { element, setHidden, setText } from "../../util/dom.ts";
import { formatCount } from "../../util/format.ts";

/** Up to this number of layers all are in sight: the field is there once a reader asks for it. */
const FEW = 24;
/** What each key goes to from the layer that is shown: the next one found, or the one before. */
const MOVES: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };

/** A field that finds layers by their names; arrows go from one to the next. */
export class Search {
  readonly node: HTMLElement;
  readonly #field = element("input", {
    type: "search",
    "aria-label": "Find a layer by its name",
    placeholder: "find a layer: /",
    autocomplete: "off",
    spellcheck: "false",
  });
  readonly #count = element("span", { "aria-live": "polite" });
  readonly #options: ViewOptions;
  #layers: readonly LayerInfo[] = [];
  #matches: string[] = [];
  #isWanted = false;

  /** `goTo` is told the layer to whose row the reader wants to go. */
  constructor(options: ViewOptions, goTo: (layer: string) => void) {
    this.#options = options;
    this.node = element("span", { class: "gw-search", role: "search" }, this.#field, this.#count);
    this.#field.addEventListener("input", () => this.#look(this.#field.value));
    this.#field.addEventListener("keydown", (event) => {
      const { found } = options.choices;
      const move = MOVES[event.key];
      if (move !== undefined) this.#move(move);
      else if (event.key === "Escape") this.#look("");
      else if (event.key === "Enter" && found !== null) goTo(found);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** Puts the cursor into the field. */
  focus(): void {
    this.#isWanted = true;
    setHidden(this.node, false);
    this.#field.focus();
    this.#field.select();
  }

  /** The names found. */
  update(layers: readonly LayerInfo[]): readonly string[] {
    const { search, found } = this.#options.choices;
    if (layers !== this.#layers) {
      this.#layers = layers;
      this.#matches = matchesOf(layers, search);
    }
    setHidden(this.node, layers.length <= FEW && !this.#isWanted);
    if (this.#field.value !== search) this.#field.value = search;
    setText(this.#count, search.trim() === "" ? "" : this.#words(found));
    return this.#matches;
  }

  #words(found: string | null): string {
    if (this.#matches.length === 0) return "none";
    const at = formatCount(this.#matches.indexOf(found ?? "") + 1);
    return `${at} of ${formatCount(this.#matches.length)}`;
  }

  #look(search: string): void {
    this.#matches = matchesOf(this.#layers, search);
    this.#options.change({ search, found: this.#matches[0] ?? null });
  }

  #move(by: number): void {
    const { length } = this.#matches;
    if (length === 0) return;
    const at = this.#matches.indexOf(this.#options.choices.found ?? "");
    this.#options.change({ found: this.#matches[(at + by + length) % length] ?? null });
  }
}
