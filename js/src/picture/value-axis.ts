import { element } from "../util/dom.ts";
import { memo } from "../util/redraw.ts";
import { place, type Scale, type Tick, ticksOf } from "../util/scale.ts";

/** The axis under the bars, and the lines that go up from its ticks behind them. */
export class ValueAxis {
  readonly labels = element("div", { class: "gw-value-axis" });
  readonly lines = element("div", { class: "gw-tick-lines" });
  readonly #redraw = memo<string>();

  update(scale: Scale, width: number): void {
    if (width === 0) return;
    this.#redraw(`${scale.kind} ${scale.low} ${scale.high} ${width}`, () => {
      const ticks = ticksOf(scale, width);
      const at = ({ value }: Tick): string => `left:${(100 * place(scale, value)).toFixed(3)}%`;
      this.labels.replaceChildren(
        ...ticks.map((tick) => element("span", { style: at(tick), text: tick.label })),
      );
      this.lines.replaceChildren(...ticks.map((tick) => element("i", { style: at(tick) })));
    });
  }
}
