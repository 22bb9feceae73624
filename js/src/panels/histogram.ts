import type { HistogramInfo } from "../protocol/messages.gen.ts";
import { element, setAttribute, setText } from "../util/dom.ts";
import { formatCount, formatPower, formatShort } from "../util/format.ts";
import { drawing } from "../util/svg.ts";
import {
  binsPath,
  nonfiniteWords,
  spreadWords,
  topPower,
  whenWords,
  zeroWords,
} from "./histogram-words.ts";

const WIDTH = 160;
const HEIGHT = 60;

/** One histogram, or a sentence in its place. Its box keeps its size whatever it shows. */
export class Spread {
  readonly node = element("figure", { class: "gw-spread" });
  readonly #title: string;
  readonly #when = element("span");
  readonly #plot = element("div", {
    class: "gw-spread-plot",
    title: "Number of entries, on a log axis",
  });
  readonly #bars = drawing(WIDTH, HEIGHT);
  readonly #top = element("span", { class: "gw-spread-top", "aria-hidden": "true" });
  readonly #words = element("p", { class: "gw-spread-words" });
  readonly #low = element("span");
  readonly #middle = element("span");
  readonly #high = element("span");
  readonly #figures = element("p", { class: "gw-spread-figures" });
  readonly #odd = element("strong");

  constructor(title: string) {
    this.#title = title;
    const axis = element(
      "div",
      { class: "gw-spread-axis", "aria-hidden": "true" },
      this.#low,
      this.#middle,
      this.#high,
    );
    this.#plot.append(this.#bars.node, this.#top, this.#words);
    this.node.append(
      element("figcaption", {}, element("b", { text: title }), this.#when),
      this.#plot,
      axis,
      this.#figures,
      this.#odd,
    );
  }

  /** Shows what was seen, or says why there is nothing. */
  update(spread: HistogramInfo | string): void {
    const isSeen = typeof spread !== "string";
    this.#bars.node.toggleAttribute("hidden", !isSeen);
    this.#words.hidden = isSeen;
    setText(this.#words, isSeen ? "" : spread);
    if (isSeen) this.#draw(spread);
    else {
      for (const part of [this.#when, this.#top, this.#low, this.#middle, this.#high])
        setText(part, "");
      for (const part of [this.#figures, this.#odd]) setText(part, "");
    }
  }

  #draw(spread: HistogramInfo): void {
    const { axis, edges, counts, counted, total, note } = spread;
    setText(this.#when, whenWords(spread));
    setAttribute(this.#bars.path, "d", binsPath(counts, WIDTH, HEIGHT));
    setAttribute(this.#bars.node, "aria-label", spreadWords(this.#title, spread));
    setText(this.#top, formatPower(topPower(counts)));
    const [low, high] = [edges[0] as number, edges.at(-1) as number];
    setText(this.#low, formatShort(low));
    setText(this.#middle, low < 0 && high > 0 ? "0" : "");
    setText(this.#high, formatShort(high));
    const sample =
      counted < total ? `${formatCount(counted)} of ${formatCount(total)}` : formatCount(total);
    const words = [`${sample} entries`, zeroWords(spread), axis === "log" ? "log axis" : "", note];
    setText(this.#figures, words.filter(Boolean).join(" · "));
    const odd = nonfiniteWords(spread);
    setText(this.#odd, odd === "" ? "" : `✕ ${odd}`);
  }
}
