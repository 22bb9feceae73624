import { element } from "../util/dom.ts";
import { place, type Scale, type Tick, ticksOf } from "../util/scale.ts";

/** The axis under the bars, and the lines that go up from its ticks behind them. */
export class Axis {
  readonly labels = element("div", { class: "gw-axis" });
  readonly lines = element("div", { class: "gw-lines" });
  #drawn = "";

  update(scale: Scale, width: number): void {
    const key = `${scale.kind} ${scale.low} ${scale.high} ${width}`;
    if (key === this.#drawn || width === 0) return;
    this.#drawn = key;
    const ticks = ticksOf(scale, width);
    const at = ({ value }: Tick): string => `left:${(100 * place(scale, value)).toFixed(3)}%`;
    this.labels.replaceChildren(
      ...ticks.map((tick) => element("span", { style: at(tick), text: tick.label })),
    );
    this.lines.replaceChildren(...ticks.map((tick) => element("i", { style: at(tick) })));
  }
}
