import { setAttribute } from "../util/dom.ts";
import { place, type Scale } from "../util/scale.ts";
import { svgElement } from "../util/svg.ts";
import type { Bars } from "./bars.ts";

/**
 * Bars of our own, which need nothing but a page: one SVG, a rectangle for each row. All lengths
 * are shares of its size, so that it follows that by itself.
 */
export class OwnBars implements Bars {
  readonly #node = svgElement("svg");
  readonly #group = svgElement("g");
  readonly #bars: SVGRectElement[] = [];

  constructor() {
    // The names of bqplot's parts, so that one style sheet is for both (style/picture/bars.css).
    this.#node.setAttribute("class", "gw-own-bars");
    this.#group.setAttribute("class", "bargroup");
    const zero = svgElement("line");
    zero.setAttribute("class", "zeroLine");
    zero.setAttribute("y2", "100%");
    this.#node.append(this.#group, zero);
  }

  attach(el: HTMLElement): void {
    el.append(this.#node);
  }

  draw(values: ArrayLike<number>, colors: string[], scale: Scale): void {
    const count = values.length;
    if (count !== this.#bars.length) this.#resize(count);
    this.#bars.forEach((bar, i) => {
      // NaN is what was not measured, and what has no place on a log axis.
      const end = place(scale, values[i] as number) || 0;
      setAttribute(bar, "width", `${(100 * end).toFixed(3)}%`);
      const color = colors[i] ?? "";
      if (bar.style.fill !== color) bar.style.fill = color;
    });
  }

  remove(): void {
    this.#node.remove();
  }

  #resize(count: number): void {
    for (const bar of this.#bars.splice(count)) bar.remove();
    while (this.#bars.length < count) {
      const bar = svgElement("rect");
      bar.setAttribute("class", "bar");
      this.#bars.push(bar);
      this.#group.append(bar);
    }
    this.#bars.forEach((bar, i) => {
      bar.setAttribute("y", `${((100 * i) / count).toFixed(4)}%`);
    });
  }
}
