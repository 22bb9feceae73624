import type { HistogramInfo } from "../protocol/messages.gen.ts";
import { lookOf } from "../protocol/state-look.ts";
import { element, setAttribute, setText } from "../util/dom.ts";
import { formatCount, formatPower, formatShort } from "../util/format.ts";
import { pathChart } from "../util/svg.ts";
import {
  binsPath,
  histogramWords,
  nonfiniteWords,
  topPower,
  whenWords,
  zeroWords,
} from "./histogram-words.ts";

const WIDTH = 160;
const HEIGHT = 60;

/** One histogram, or a sentence in its place. Its box keeps its size whatever it shows. */
export class Histogram {
  readonly node = element("figure", { class: "gw-chart" });
  readonly #title: string;
  readonly #when = element("span");
  readonly #plot = element("div", {
    class: "gw-chart-plot",
    title: "Number of entries, on a log axis",
  });
  readonly #bars = pathChart(WIDTH, HEIGHT);
  readonly #top = element("span", { class: "gw-chart-top", "aria-hidden": "true" });
  readonly #instead = element("p", { class: "gw-chart-instead" });
  readonly #low = element("span");
  readonly #middle = element("span");
  readonly #high = element("span");
  readonly #counts = element("p", { class: "gw-chart-counts" });
  readonly #nonfinite = element("strong");

  constructor(title: string) {
    this.#title = title;
    const hidden = { "aria-hidden": "true" };
    const ends = [this.#low, this.#middle, this.#high];
    this.#plot.append(this.#bars.node, this.#top, this.#instead);
    this.node.append(
      element("figcaption", {}, element("b", { text: title }), this.#when),
      this.#plot,
      element("div", { class: "gw-chart-axis", ...hidden }, ...ends),
      this.#counts,
      this.#nonfinite,
    );
  }

  /** Shows a histogram, or says why there is none. */
  update(histogram: HistogramInfo | string): void {
    const isMissing = typeof histogram === "string";
    this.#bars.node.toggleAttribute("hidden", isMissing);
    this.#instead.hidden = !isMissing;
    setText(this.#instead, isMissing ? histogram : "");
    if (isMissing) this.#clear();
    else this.#draw(histogram);
  }

  #clear(): void {
    for (const part of [this.#when, this.#top, this.#low, this.#middle, this.#high])
      setText(part, "");
    for (const part of [this.#counts, this.#nonfinite]) setText(part, "");
  }

  #draw(histogram: HistogramInfo): void {
    const { axis, edges, counts, counted, total, note } = histogram;
    setText(this.#when, whenWords(histogram));
    setAttribute(this.#bars.path, "d", binsPath(counts, WIDTH, HEIGHT));
    setAttribute(this.#bars.node, "aria-label", histogramWords(this.#title, histogram));
    setText(this.#top, formatPower(topPower(counts)));
    const [low, high] = [edges[0] as number, edges.at(-1) as number];
    setText(this.#low, formatShort(low));
    setText(this.#middle, low < 0 && high > 0 ? "0" : "");
    setText(this.#high, formatShort(high));
    const all = formatCount(total);
    const entries = `${counted < total ? `${formatCount(counted)} of ${all}` : all} entries`;
    const words = [entries, zeroWords(histogram), axis === "log" ? "log axis" : "", note];
    setText(this.#counts, words.filter(Boolean).join(" · "));
    const nonfinite = nonfiniteWords(histogram);
    setText(this.#nonfinite, nonfinite && `${lookOf("non-finite").mark} ${nonfinite}`);
  }
}
